//! What the host keeps for an instance, or for all that are linked with each other, beside their slots: the objects
//! that they refer to, and their limits.
//!
//! Most instances have none of it: it is made when it is first needed, and stamping pays for a reference that is nil.
//!
//! How much is in use is not counted but looked up when it matters, which is when something grows or an instance comes:
//! roll-backs and copies change sizes too, and what is not counted cannot be counted wrongly.

import Compiler

/// Objects that guests refer to, and limits.
public final class StoreResources {
    public let limits: ResourceLimits
    var objects = ObjectTable()
    /// Those that are limited. They leave before they are gone.
    private var instances: [Unmanaged<InstanceCore>] = []
    /// Bytes that the host has copied out of guest memory in the outermost call.
    fileprivate(set) var copiedBytes = 0

    private let memoryGrowth: LinkedFunction?
    private let tableGrowth: LinkedFunction?

    public init(_ limits: ResourceLimits = ResourceLimits()) {
        self.limits = limits
        memoryGrowth = limits.onGrowthAwaited.map { .growing(.memory, $0) }
        tableGrowth = limits.onGrowthAwaited.map { .growing(.table, $0) }
    }

    /// What a guest is suspended for that wants to grow something, if that is to be decided by somebody who takes their time.
    func awaitedGrowth(_ kind: GrowthRequest.Kind) -> LinkedFunction? {
        kind == .memory ? memoryGrowth : tableGrowth
    }

    var objectLimit: Int { limits.objects ?? ObjectTable.defaultLimit }

    // MARK: Instances

    /// Refuses an instance more than there may be.
    func checkCount() throws(LimitError) {
        guard let limit = limits.instances, instances.count >= limit else { return }
        throw LimitError(limit: .instances, requested: UInt64(instances.count) + 1, allowed: UInt64(max(0, limit)))
    }

    fileprivate func admit(_ instance: InstanceCore) throws(LimitError) {
        try checkCount()
        if let limit = limits.memoryBytes {
            try check(.memoryBytes, limit, instance.ownMemorySizes, of: instance, before: use(of: .memory))
        }
        if let limit = limits.tableElements {
            try check(.tableElements, limit, instance.ownTableSizes, of: instance, before: use(of: .table))
        }
        instances.append(.passUnretained(instance))
    }

    fileprivate func remove(_ instance: InstanceCore) {
        let pointer = Unmanaged.passUnretained(instance).toOpaque()
        instances.removeAll { $0.toOpaque() == pointer }
    }

    private func check(
        _ kind: LimitError.Limit, _ limit: UInt64, _ sizes: [UInt64], of instance: InstanceCore, before used: UInt64
    ) throws(LimitError) {
        var total = used
        let module = instance.template.module.decoded
        let isMemory = kind == .memoryBytes
        for (number, size) in sizes.enumerated() {
            total += size
            guard total > limit else { continue }
            let index = number + (isMemory ? module.importedMemoryCount : module.importedTableCount)
            let export = module.exports.first {
                $0.kind == (isMemory ? .memory : .table) && Int($0.index) == index
            }
            throw LimitError(
                limit: kind, requested: used + sizes.reduce(0, +), allowed: limit, index: index,
                exportName: export?.name)
        }
    }

    // MARK: Growth

    /// What is in use, in bytes or elements. No overflow: each memory and table lies in a slot of the pool.
    private func use(of kind: GrowthRequest.Kind) -> UInt64 {
        instances.reduce(0) { sum, instance in
            sum
                + instance._withUnsafeGuaranteedRef { instance in
                    (kind == .memory ? instance.ownMemorySizes : instance.ownTableSizes).reduce(0, +)
                }
        }
    }

    /// Whether anything is to be said about growth.
    var judgesGrowth: Bool {
        limits.memoryBytes != nil || limits.tableElements != nil || limits.onGrowth != nil
    }

    /// Whether the limits have room for what a guest asks for.
    func hasRoom(for request: GrowthRequest) -> Bool {
        guard let limit = request.kind == .memory ? limits.memoryBytes : limits.tableElements else { return true }
        let used = use(of: request.kind)
        return used <= limit && request.desired - request.current <= limit - used
    }
}

extension InstanceCore {
    /// The instance's, or the linked instances' together.
    final func ownResources() -> StoreResources {
        if let resources { return resources }
        let made = StoreResources()
        resources = made
        return made
    }

    /// The limits that it was made with.
    public final var limits: ResourceLimits? { resources?.limits }

    /// Puts the instance under limits, before any of its code runs, and before it is linked.
    ///
    /// - Throws: `LimitError` if it has more than it may.
    public final func admit(to resources: StoreResources) throws(LimitError) {
        try resources.admit(self)
        self.resources = resources
        // Linked instances run on the stack of the first of them.
        guard linkage?.group?.root == nil, let bytes = resources.limits.stackBytes else { return }
        let room = slot.initialStackPointer - slot.stackLimit
        if bytes < room {
            context.storeWord(slot.initialStackPointer - max(0, bytes), at: VMContextLayout.stackLimit)
        }
    }

    /// Makes the slot what it was before the instance was put under limits. The instance is about to be closed.
    final func leaveResources() {
        guard let resources else { return }
        resources.remove(self)
        // What linking wrote there, is taken back by who wrote it.
        if resources.limits.stackBytes != nil, context.loadPointer(at: VMContextLayout.root) == context {
            context.storeWord(slot.stackLimit, at: VMContextLayout.stackLimit)
        }
    }

    /// Bytes of the memories that it defines, in index order.
    final var ownMemorySizes: [UInt64] {
        let decoded = template.module.decoded
        guard let linkage else { return decoded.memories.isEmpty ? [] : [memoryLength.pointee] }
        // Imported ones, once there are any, come first.
        return linkage.memories.suffix(decoded.memories.count - decoded.importedMemoryCount).map(\.length)
    }

    /// Elements of the tables that it defines, in index order.
    final var ownTableSizes: [UInt64] {
        let module = template.module
        return (module.decoded.importedTableCount..<module.decoded.tables.count).map {
            context.loadWord(at: module.code.layout.tableLength($0))
        }
    }

    // MARK: Copies of guest memory

    /// Bytes that the host may still copy out of guest memory in this call.
    public final var copyAllowance: Int {
        guard let resources, let limit = resources.limits.copiedBytes else { return .max }
        return max(0, limit) - (control.pointee.depth == 0 ? 0 : resources.copiedBytes)
    }

    /// The host is about to copy so many bytes, or has done so, of those that it may.
    public final func noteCopy(_ bytes: Int) {
        guard let resources, resources.limits.copiedBytes != nil, control.pointee.depth > 0 else { return }
        resources.copiedBytes += bytes
    }

    /// The guest is called by the host, and not from inside of a call.
    final func beginCounting() { resources?.copiedBytes = 0 }
}
