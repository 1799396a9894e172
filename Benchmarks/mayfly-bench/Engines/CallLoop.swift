//! Calls on one living instance: of an export from the host, and from guest code of a host function, of WASI, through a
//! table, or of another function.
//!
//! Each engine is used in the way that is fastest without giving up checks that its users rely on: Mayfly's typed
//! functions and closures, the peer's unchecked calls in both directions, which leave the checks of types to a static
//! caller.

import Glibc
import Mayfly

/// What is called, by which loop.
enum CallKind: Sendable, CaseIterable {
    /// The host calls `add(i32, i32) -> i32`.
    case export
    /// The same, each call with a deadline, which is far away. The peer, which would need other code, has none.
    case exportWithDeadline
    /// The export `host(count)` calls the host's function `(i32, i32) -> i32` so often.
    case host
    /// The export `indirect(count)` calls functions of a table by turns.
    case indirect
    /// The export `direct(count)` calls a function that is too large to be inlined.
    case direct

    var name: String {
        switch self {
        case .export: "export call"
        case .exportWithDeadline: "export call, deadline"
        case .host: "host call"
        case .indirect: "indirect call"
        case .direct: "direct call"
        }
    }

    /// The export that loops; nil where the host does.
    var loop: String? {
        switch self {
        case .export, .exportWithDeadline: nil
        case .host: "host"
        case .indirect: "indirect"
        case .direct: "direct"
        }
    }

    /// What a call adds to the sum that a loop returns.
    static let step: UInt32 = 3
}

/// Throws unless so many rounds of a loop added so much each.
private func check(_ sum: UInt32, of count: Int, adding step: UInt32) throws {
    let expected = UInt32(truncatingIfNeeded: count) &* step
    if sum != expected { throw WrongResult(expected: expected, found: sum) }
}

// Used by one thread: the benchmark's.
private final class Guest<State>: @unchecked Sendable {
    let instance: Instance<State>
    init(_ instance: consuming Instance<State>) { self.instance = instance }
}

/// The rounds of a loop that an instance exports; a cycle is a round.
struct MayflyCallLoop<State>: FreshInstanceCycle {
    private let guest: Guest<State>
    private let loop: TypedFunction<Int32, Int32>
    private let step: UInt32

    /// - Parameter step: what each round adds to the sum that the loop returns.
    init(_ template: Template<State>, state: State, loop: String, step: UInt32) throws {
        guest = Guest(try template.instantiate(state: state))
        self.loop = try template.function(loop, as: ((Int32) -> Int32).self)
        self.step = step
    }

    func firstResult() throws -> UInt32? { nil }

    func run(_ count: Int, expecting _: UInt32?) throws {
        try check(UInt32(bitPattern: try guest.instance.call(loop, Int32(count))), of: count, adding: step)
    }
}

/// Calls of the export `add`; a cycle is a call.
struct MayflyExportCalls: FreshInstanceCycle {
    private let guest: Guest<Void>
    private let add: TypedFunction<(Int32, Int32), Int32>

    init(_ template: Template<Void>, hasDeadline: Bool) throws {
        guest = Guest(try template.instantiate())
        if hasDeadline { guest.instance.deadline = .now + .seconds(86_400) }
        add = try template.function("add", as: ((Int32, Int32) -> Int32).self)
    }

    // The instance as an argument, as in a server's closure: read out of an object in every round, it would be counted.
    private static func addUp(
        _ count: Int, _ add: TypedFunction<(Int32, Int32), Int32>, on instance: borrowing Instance<Void>
    ) throws -> Int32 {
        var sum: Int32 = 0
        for _ in 0..<count { sum = try instance.call(add, sum, Int32(CallKind.step)) }
        return sum
    }

    func firstResult() throws -> UInt32? { nil }

    func run(_ count: Int, expecting _: UInt32?) throws {
        let sum = try Self.addUp(count, add, on: guest.instance)
        try check(UInt32(bitPattern: sum), of: count, adding: CallKind.step)
    }
}

/// The same on the peer.
final class WasmtimeCallLoop: FreshInstanceCycle, @unchecked Sendable {
    private let loops: Bool
    private let step: UInt32
    private let module: WasmtimeModule
    private let library: WasmtimeLibrary
    private let store: WasmtimeLibrary.Object
    private let context: WasmtimeLibrary.Object
    /// The export that is called, a `wasmtime_extern_t`.
    private let item: UnsafeMutableRawPointer

    convenience init(_ module: WasmtimeModule, _ kind: CallKind) throws {
        try self.init(
            module, kind.loop ?? "add", loops: kind.loop != nil, step: CallKind.step,
            imports: module.engine.library.defineAdd)
    }

    /// - Parameters:
    ///   - loops: Whether the export is a loop; else it adds, and the loop is here.
    ///   - step: What each round adds to the sum.
    ///   - wasi: What the guest is given of WASI. Taken over.
    ///   - imports: Defines what the module imports.
    init(
        _ module: WasmtimeModule, _ export: String, loops: Bool, step: UInt32, wasi: WasmtimeLibrary.Object? = nil,
        imports: (WasmtimeLibrary.Object) throws -> Void
    ) throws {
        let library = module.engine.library
        self.loops = loops
        self.step = step
        self.module = module
        self.library = library
        store = try library.made(library.storeNew(module.engine.pointer, nil, nil), "store")
        context = try library.made(library.storeContext(store), "context")
        item = .allocate(byteCount: WasmtimeLibrary.Layout.externSize, alignment: 16)
        if let wasi { try library.check(library.contextSetWASI(context, wasi), "setting WASI") }
        let instancePre = try module.linked(imports)
        defer { library.instancePreDelete(instancePre) }
        try withUnsafeTemporaryAllocation(byteCount: WasmtimeLibrary.Layout.instanceSize, alignment: 16) { memory in
            let instance = memory.baseAddress!
            var trap: WasmtimeLibrary.Object?
            try library.check(
                library.instancePreInstantiate(instancePre, context, instance, &trap), trap: trap, "instantiating")
            guard library.instanceExportGet(context, instance, export, export.utf8.count, item) else {
                throw BenchmarkError("peer: the module exports no \(export)")
            }
        }
    }

    deinit {
        library.storeDelete(store)
        item.deallocate()
    }

    func firstResult() throws -> UInt32? { nil }

    func run(_ count: Int, expecting _: UInt32?) throws {
        let function = UnsafeRawPointer(item + WasmtimeLibrary.Layout.externPayload)
        let size = WasmtimeLibrary.Layout.rawValueSize
        let found = try withUnsafeTemporaryAllocation(byteCount: 2 * size, alignment: 16) { memory -> UInt32 in
            let values = memory.baseAddress!
            var trap: WasmtimeLibrary.Object?
            if loops {
                values.storeBytes(of: UInt64(UInt32(count)), as: UInt64.self)
                try library.check(
                    library.functionCallUnchecked(context, function, values, 2, &trap), trap: trap, "calling")
                return values.load(as: UInt32.self)
            }
            var sum: UInt32 = 0
            for _ in 0..<count {
                values.storeBytes(of: UInt64(sum), as: UInt64.self)
                values.storeBytes(of: UInt64(step), toByteOffset: size, as: UInt64.self)
                try library.check(
                    library.functionCallUnchecked(context, function, values, 2, &trap), trap: trap, "calling")
                sum = values.load(as: UInt32.self)
            }
            return sum
        }
        try check(found, of: count, adding: step)
    }
}

extension WasmtimeLibrary {
    /// Defines the function `host.add` as the unchecked callback that adds two i32.
    fileprivate func defineAdd(_ linker: Object) throws {
        // Value types are made one by one and belong to their vector, which belongs to the type.
        func types(_ count: Int) throws -> [Object?] {
            try (0..<count).map { _ in try made(valueTypeNew(Layout.valueKindI32), "value type") }
        }
        var parameters = (0, 0)
        var results = (0, 0)
        valueTypeVectorNew(&parameters, 2, try types(2))
        valueTypeVectorNew(&results, 1, try types(1))
        let type = try made(functionTypeNew(&parameters, &results), "function type")
        defer { functionTypeDelete(type) }
        let module = "host"
        let name = "add"
        try check(
            linkerDefineFunctionUnchecked(
                linker, module, module.utf8.count, name, name.utf8.count, type,
                { _, _, values, _ in
                    guard let values else { return nil }
                    let sum =
                        values.load(as: Int32.self) &+ values.load(fromByteOffset: Layout.rawValueSize, as: Int32.self)
                    values.storeBytes(of: sum, as: Int32.self)
                    return nil
                }, nil, nil), "defining host.add")
    }
}
