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

    // MARK: Awaiting the decision

    /// Grows what a runtime function's cells say, or suspends the guest until the host has decided.
    ///
    /// - Throws: what the host ends the guest with instead; `CallError.needsAsynchronousCall`.
    final func grow(_ kind: GrowthRequest.Kind, _ cells: UnsafeMutablePointer<UInt64>) throws {
        if let resources, let function = resources.awaitedGrowth(kind), let request = request(kind, cells),
            resources.hasRoom(for: request)
        {
            return try suspend(for: .passUnretained(function), cells)
        }
        try growNow(kind, cells)
    }

    final func growNow(_ kind: GrowthRequest.Kind, _ cells: UnsafeMutablePointer<UInt64>) throws {
        switch kind {
        case .memory: cells[0] = try growMemory(Int(cells[1] & 0xFFFF_FFFF), by: cells[0])
        case .table: cells[0] = try growTable(Int(cells[2] & 0xFFFF_FFFF), by: cells[1], with: cells[0])
        }
    }

    /// What the cells ask for; nil if it is nothing, or more than the module declares.
    fileprivate final func request(_ kind: GrowthRequest.Kind, _ cells: UnsafeMutablePointer<UInt64>) -> GrowthRequest?
    {
        switch kind {
        case .memory: cells[0] == 0 ? nil : memoryRequest(Int(cells[1] & 0xFFFF_FFFF), by: cells[0])
        case .table: cells[1] == 0 ? nil : tableRequest(Int(cells[2] & 0xFFFF_FFFF), by: cells[1])
        }
    }

    fileprivate final func refuse(_ kind: GrowthRequest.Kind, _ cells: UnsafeMutablePointer<UInt64>) {
        let decoded = template.module.decoded
        cells[0] =
            switch kind {
            case .memory: Self.growthFailed(decoded.memories[Int(cells[1] & 0xFFFF_FFFF)].address)
            case .table: Self.growthFailed(decoded.tables[Int(cells[2] & 0xFFFF_FFFF)].address)
            }
    }

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

extension LinkedFunction {
    /// The function that awaits the host's decision about growth, and grows.
    static func growing(
        _ kind: GrowthRequest.Kind, _ decide: @escaping @Sendable (GrowthRequest) async throws -> GrowthDecision
    ) -> LinkedFunction {
        let function = HostFunction(
            type: FunctionType(),
            asynchronousBody: { instance, cells in
                guard let request = instance.request(kind, cells), try await decide(request) == .allow else {
                    return instance.refuse(kind, cells)
                }
                // Whatever has changed meanwhile, it is as if the guest asked now.
                try instance.growNow(kind, cells)
            })
        return LinkedFunction(function, module: "", name: kind == .memory ? "memory.grow" : "table.grow")
    }
}
