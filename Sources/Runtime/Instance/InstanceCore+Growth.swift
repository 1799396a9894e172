//! `memory.grow` and `table.grow`: what is asked for, whether it is granted, and doing it, one after the other.
//!
//! The decision is in one place for memories and tables, of single and of linked instances, and nothing has changed
//! when it is made.

import WasmModule

extension InstanceCore {
    /// - Returns: the former size in pages, or the result that says it failed.
    /// - Throws: what the host ends the guest with instead.
    final func growMemory(_ index: Int, by pages: UInt64) throws -> UInt64 {
        let failed = Self.growthFailed(template.module.decoded.memories[index].address)
        guard try mayGrow({ memoryRequest(index, by: pages) }, by: pages) else { return failed }
        let grown =
            if let linkage { linkage.memories[index].grow(by: pages) } else { template.pool.grow(slot, by: pages) }
        return grown ?? failed
    }

    /// - Returns: the former size in elements, or the result that says it failed.
    /// - Throws: what the host ends the guest with instead.
    final func growTable(_ index: Int, by elements: UInt64, with value: UInt64) throws -> UInt64 {
        let failed = Self.growthFailed(template.module.decoded.tables[index].address)
        guard try mayGrow({ tableRequest(index, by: elements) }, by: elements) else { return failed }
        let grown =
            if let table = linkage?.tables?[index] { table.grow(by: elements, fill: value) } else {
                template.pool.growTable(slot, table: index, by: elements, fill: value)
            }
        return grown ?? failed
    }

    /// The result -1 of the two growing instructions.
    private static func growthFailed(_ address: ValueType) -> UInt64 { address == .i64 ? .max : 0xFFFF_FFFF }

    // MARK: The decision

    /// Whether the limits, and then the host, grant a request; nil is one beyond what the module declares.
    @inline(__always)
    private func mayGrow(_ request: () -> GrowthRequest?, by amount: UInt64) throws -> Bool {
        guard amount > 0, let resources, resources.judgesGrowth else { return true }
        guard let request = request(), resources.hasRoom(for: request) else { return false }
        guard let onGrowth = resources.limits.onGrowth else { return true }
        return try onGrowth(request) == .allow
    }

    private func memoryRequest(_ index: Int, by pages: UInt64) -> GrowthRequest? {
        // Of an imported one, what its own module declares.
        let type = linkage?.memories[index].type ?? template.module.decoded.memories[index]
        let (bytes, overflow) = pages.multipliedReportingOverflow(by: MemoryType.pageSize)
        let length = context.loadWord(at: template.module.code.layout.memoryLength(index))
        return request(.memory, index, length, overflow ? nil : bytes, type.limits.maximum?.bytesOfPages)
    }

    private func tableRequest(_ index: Int, by elements: UInt64) -> GrowthRequest? {
        let type = linkage?.tables?[index].type ?? template.module.decoded.tables[index]
        let length = context.loadWord(at: template.module.code.layout.tableLength(index))
        return request(.table, index, length, elements, type.limits.maximum)
    }

    private func request(
        _ kind: GrowthRequest.Kind, _ index: Int, _ current: UInt64, _ amount: UInt64?, _ maximum: UInt64?
    ) -> GrowthRequest? {
        guard let amount else { return nil }
        let (desired, overflow) = current.addingReportingOverflow(amount)
        guard !overflow, desired <= maximum ?? .max else { return nil }
        return GrowthRequest(kind: kind, index: index, current: current, desired: desired, maximum: maximum)
    }
}
