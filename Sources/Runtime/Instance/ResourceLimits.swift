//! What the instances of a store may use, beside what their modules declare and the pool's slots hold.

/// How much an instance, or the linked instances of a store together, may use. What is nil is bounded by the module and
/// the engine's pool alone.
///
/// What a module asks for at its start counts: if that is too much, there is no instance, and a ``LimitError`` says
/// why. What a guest asks for later it does not get, and can go on: `memory.grow` and `table.grow` have the result -1.
public struct ResourceLimits: Sendable {
    /// Bytes of all memories together.
    public var memoryBytes: UInt64?
    /// Elements of all tables together.
    public var tableElements: UInt64?
    /// Instances at a time: linked ones of a store, and the one that `Store.withInstance` makes. An instance that is in
    /// no store is one.
    public var instances: Int?
    /// Bytes of guest stack, within those that the pool's slots have (`PoolConfiguration/stackBytes`). Beyond it the
    /// guest ends with a trap, call stack exhausted. Functions that call no others may take some KiB more.
    public var stackBytes: Int?
    /// Bytes that the host copies out of guest memory, in all functions that return a copy, during one call into the
    /// guest; outside of calls, during each such function. Beyond it they throw a ``MemoryAccessError``. The guest
    /// decides how often they are called, and with which sizes.
    ///
    /// It also bounds what WASI captures of a guest's output in one call: beyond it, writing fails as on a full disk.
    public var copiedBytes: Int?
    /// Objects of the host's that guests refer to. Beyond it the guest ends with `ExternReferenceError.tooManyObjects`.
    /// If it is nil, 65,536.
    public var objects: Int?
    /// Asked before a memory or a table grows that may, as far as the module and these limits go. What it throws ends
    /// the guest, and comes out of the call into it. Growing by nothing is not asked about, and neither is what a
    /// module starts with.
    ///
    /// It runs on the thread that called the guest. The pool may still refuse what it allows.
    public var onGrowth: (@Sendable (GrowthRequest) throws -> GrowthDecision)?

    /// Asked after ``onGrowth``, and may take its time: the guest is suspended until it is decided, as in an asynchronous
    /// host function. A guest that would ask it must have been called with `await`; else its call ends with
    /// `CallError.needsAsynchronousCall`.
    public var onGrowthAwaited: (@Sendable (GrowthRequest) async throws -> GrowthDecision)?

    /// Limits by their names; what is left out is not limited.
    public init(
        memoryBytes: UInt64? = nil, tableElements: UInt64? = nil, instances: Int? = nil, stackBytes: Int? = nil,
        copiedBytes: Int? = nil, objects: Int? = nil,
        onGrowth: (@Sendable (GrowthRequest) throws -> GrowthDecision)? = nil,
        onGrowthAwaited: (@Sendable (GrowthRequest) async throws -> GrowthDecision)? = nil
    ) {
        self.memoryBytes = memoryBytes
        self.tableElements = tableElements
        self.instances = instances
        self.stackBytes = stackBytes
        self.copiedBytes = copiedBytes
        self.objects = objects
        self.onGrowth = onGrowth
        self.onGrowthAwaited = onGrowthAwaited
    }
}

/// What a guest wants to have more of.
public struct GrowthRequest: Hashable, Sendable {
    /// A memory or a table.
    public enum Kind: Hashable, Sendable {
        /// In bytes.
        case memory
        /// In elements.
        case table
    }

    /// What is to grow.
    public var kind: Kind
    /// Which of the memories, or tables, of the module whose code asks.
    public var index: Int
    /// Its size now, in bytes or elements.
    public var current: UInt64
    /// The size asked for. More than `current`.
    public var desired: UInt64
    /// The most that the module declares; nil if it declares no maximum. At least `desired`.
    public var maximum: UInt64?
}

/// What becomes of a ``GrowthRequest``.
public enum GrowthDecision: Hashable, Sendable {
    /// It is granted.
    case allow
    /// It is not: `memory.grow` or `table.grow` has the result -1.
    case refuse
}

/// There is no instance, because it would have more than the limits allow.
public struct LimitError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Which of the ``ResourceLimits``.
    public enum Limit: Hashable, Sendable {
        /// In bytes.
        case memoryBytes
        /// In elements.
        case tableElements
        /// In instances.
        case instances
    }

    /// The limit that would be exceeded.
    public var limit: Limit
    /// How much it would be, together with what there was before.
    public var requested: UInt64
    /// How much it may be.
    public var allowed: UInt64
    /// Which memory or table of the module went beyond the limit.
    public var index: Int?
    /// A name that the module exports that under.
    public var exportName: String?

    /// All in bytes, elements or instances.
    public init(
        limit: Limit, requested: UInt64, allowed: UInt64, index: Int? = nil, exportName: String? = nil
    ) {
        self.limit = limit
        self.requested = requested
        self.allowed = allowed
        self.index = index
        self.exportName = exportName
    }

    /// What happened, for people.
    public var description: String {
        let name = exportName.map { ", exported as \"\($0)\"," } ?? ""
        let which = index.map(String.init) ?? "?"
        return switch limit {
        case .memoryBytes:
            "memory \(which) of the module\(name) would make \(requested) bytes of memory in all, and "
                + "ResourceLimits.memoryBytes allows \(allowed): raise the limit, or have the module declare less"
        case .tableElements:
            "table \(which) of the module\(name) would make \(requested) table elements in all, and "
                + "ResourceLimits.tableElements allows \(allowed): raise the limit, or have the module declare less"
        case .instances:
            "it would be instance \(requested) of the store, and ResourceLimits.instances allows \(allowed)"
        }
    }
}
