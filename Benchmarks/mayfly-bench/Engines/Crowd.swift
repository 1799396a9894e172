//! Very many instances that are live at once, of either engine: made, called, and dropped one by one.

import Glibc
import Mayfly

/// Live instances of `small.wat`.
protocol Crowd: AnyObject {
    var count: Int { get }
    /// Makes one more and keeps it.
    func add() throws
    /// Calls one, which writes to a page of its own.
    func touch(_ index: Int) throws
    /// Makes one, calls it, and drops it.
    func cycle() throws
    func dropAll()
}

final class MayflyCrowd: Crowd {
    private final class Member {
        let instance: Instance<Void>
        init(_ instance: consuming Instance<Void>) { self.instance = instance }
    }

    private let template: Template<Void>
    private let function: TypedFunction<Int32, Int32>
    private var members: [Member] = []

    /// - Parameter isDense: in dense slots, or in ordinary ones with as much room for stacks, contexts and tables.
    init(_ module: [UInt8], slots: Int, isDense: Bool) throws {
        let dense = DenseClass(slotCount: slots)
        let pool =
            isDense
            ? PoolConfiguration(slotCount: 1, spareSlots: 0, dense: dense)
            : PoolConfiguration(
                slotCount: slots, spareSlots: 0, stackBytes: dense.stackBytes, contextBytes: dense.contextBytes,
                tableElements: dense.tableElements)
        let engine = try Engine(.init(pool: pool))
        template = try engine.compile(module).template()
        function = try template.function("touch", as: ((Int32) -> Int32).self)
        members.reserveCapacity(slots)
        try cycle()
        guard !isDense || engine.densePoolStatistics?.acquisitions == 1 else {
            throw BenchmarkError("the guest is not in a dense slot")
        }
    }

    var count: Int { members.count }

    func add() throws { members.append(Member(try template.instantiate())) }

    func touch(_ index: Int) throws {
        guard try members[index].instance.call(function, 7) == 7 else { throw BenchmarkError("a guest is not fresh") }
    }

    func cycle() throws {
        let value = try template.withInstance { try $0.call(function, 9) }
        guard value == 9 else { throw BenchmarkError("a guest is not fresh") }
    }

    func dropAll() { members = [] }
}

final class WasmtimeCrowd: Crowd {
    private let module: WasmtimeModule
    private let library: WasmtimeLibrary
    private let instancePre: WasmtimeLibrary.Object
    private var stores: [WasmtimeLibrary.Object] = []
    /// A `wasmtime_extern_t` each: the exported function.
    private var functions: UnsafeMutableRawPointer
    private static let name: StaticString = "touch"

    init(_ library: WasmtimeLibrary, _ module: [UInt8], tuning: PoolTuning) throws {
        self.library = library
        self.module = try WasmtimeModule(WasmtimeEngine(library, pool: tuning), module)
        instancePre = try self.module.linked()
        stores.reserveCapacity(tuning.slots ?? 1000)
        functions = .allocate(byteCount: (tuning.slots ?? 1000) * WasmtimeLibrary.Layout.externSize, alignment: 16)
    }

    deinit {
        dropAll()
        functions.deallocate()
        library.instancePreDelete(instancePre)
    }

    var count: Int { stores.count }

    /// A store with an instance, whose function is written to `function`.
    private func make(_ function: UnsafeMutableRawPointer) throws -> WasmtimeLibrary.Object {
        let store = try library.made(library.storeNew(module.engine.pointer, nil, nil), "store")
        do {
            let context = try library.made(library.storeContext(store), "context")
            try withUnsafeTemporaryAllocation(byteCount: 64, alignment: 16) { memory in
                var trap: WasmtimeLibrary.Object?
                try library.check(
                    library.instancePreInstantiate(instancePre, context, memory.baseAddress!, &trap), trap: trap,
                    "instantiating")
                let isFound = Self.name.withUTF8Buffer { name in
                    name.withMemoryRebound(to: CChar.self) {
                        library.instanceExportGet(context, memory.baseAddress!, $0.baseAddress!, $0.count, function)
                    }
                }
                guard isFound else { throw BenchmarkError("peer: the module exports no such function") }
            }
        } catch {
            library.storeDelete(store)
            throw error
        }
        return store
    }

    private func call(_ function: UnsafeMutableRawPointer, in store: WasmtimeLibrary.Object, _ value: UInt64) throws {
        let context = try library.made(library.storeContext(store), "context")
        try withUnsafeTemporaryAllocation(byteCount: WasmtimeLibrary.Layout.rawValueSize, alignment: 16) { values in
            var trap: WasmtimeLibrary.Object?
            values.storeBytes(of: value, as: UInt64.self)
            try library.check(
                library.functionCallUnchecked(
                    context, function + WasmtimeLibrary.Layout.externPayload, values.baseAddress!, 1, &trap),
                trap: trap, "calling")
            guard values.load(as: UInt32.self) == UInt32(value) else { throw BenchmarkError("a guest is not fresh") }
        }
    }

    func add() throws {
        stores.append(try make(functions + stores.count * WasmtimeLibrary.Layout.externSize))
    }

    func touch(_ index: Int) throws {
        try call(functions + index * WasmtimeLibrary.Layout.externSize, in: stores[index], 7)
    }

    func cycle() throws {
        try withUnsafeTemporaryAllocation(byteCount: WasmtimeLibrary.Layout.externSize, alignment: 16) { function in
            let store = try make(function.baseAddress!)
            defer { library.storeDelete(store) }
            try call(function.baseAddress!, in: store, 9)
        }
    }

    func dropAll() {
        for store in stores { library.storeDelete(store) }
        stores = []
    }
}
