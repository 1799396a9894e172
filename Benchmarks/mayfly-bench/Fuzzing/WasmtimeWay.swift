//! Programs in the peer.

import Mayfly
import WasmModule

struct WasmtimeWay: FuzzedWay {
    let name = "peer"
    let engine: WasmtimeEngine

    func instantiate(_ program: FuzzedProgram) throws -> Instantiation {
        let module: WasmtimeModule
        do {
            module = try WasmtimeModule(engine, program.bytes)
        } catch let error as BenchmarkError {
            return .refused(error.description)
        }
        let guest = try WasmtimeGuest(program, module)
        guard let trap = try guest.start() else { return .guest(guest) }
        return .trapped(
            Observation(ending: .trapped(trap), hostCalls: guest.host.take(), memory: [], globals: []))
    }
}

private final class WasmtimeGuest: FuzzedGuest {
    let host: HostRecord
    private let program: FuzzedProgram
    private let library: WasmtimeLibrary
    private let module: WasmtimeModule
    private let store: WasmtimeLibrary.Object
    private let context: WasmtimeLibrary.Object
    private let instance: UnsafeMutableRawPointer
    /// What the functions in the store have pointers to.
    private let imports: [WasmtimeImport]
    /// Storage of the last observation's memory, used again as Mayfly's guest does.
    private var memory: [UInt8] = []

    init(_ program: FuzzedProgram, _ module: WasmtimeModule) throws {
        self.program = program
        self.module = module
        library = module.engine.library
        let host = HostRecord(of: program)
        self.host = host
        store = try library.made(library.storeNew(module.engine.pointer, nil, nil), "store")
        context = try library.made(library.storeContext(store), "context")
        instance = .allocate(byteCount: WasmtimeLibrary.Layout.instanceSize, alignment: 16)
        imports = program.imports.enumerated().map { WasmtimeImport($0, $1.function.type, host) }
    }

    deinit {
        library.storeDelete(store)
        instance.deallocate()
    }

    /// Makes the instance; why it trapped, if it did.
    func start() throws -> TrapCode? {
        let instancePre = try module.linked { try module.define(imports, of: program, in: $0) }
        defer { library.instancePreDelete(instancePre) }
        var trap: WasmtimeLibrary.Object?
        try library.check(library.instancePreInstantiate(instancePre, context, instance, &trap), "instantiating")
        return try trap.map(library.takeCode)
    }

    func call(_ function: FuzzedProgram.Function, _ arguments: [V128]) throws -> Ending {
        try export(function.name) { item in
            let type = function.type
            let count = max(type.parameters.count, type.results.count, 1)
            let size = count * WasmtimeLibrary.Layout.rawValueSize
            return try withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { memory in
                let values = memory.baseAddress!
                values.storeRawValues(arguments)
                var trap: WasmtimeLibrary.Object?
                try library.check(library.functionCallUnchecked(context, item, values, count, &trap), "calling")
                if let trap { return .trapped(try library.takeCode(of: trap)) }
                return .returned(values.loadRawValues(type.results))
            }
        }
    }

    func observation(after ending: Ending) throws -> Observation {
        memory.removeAll(keepingCapacity: true)
        if let name = program.memory {
            try export(name) { item in
                memory += UnsafeRawBufferPointer(
                    start: library.memoryData(context, item), count: library.memoryDataSize(context, item))
            }
        }
        let globals = try program.globals.map { global in
            try export(global.name) { item in
                withUnsafeTemporaryAllocation(byteCount: WasmtimeLibrary.Layout.valueSize, alignment: 16) { value in
                    library.globalGet(context, item, value.baseAddress!)
                    return (value.baseAddress! + WasmtimeLibrary.Layout.valuePayload).loadRawValues([global.type])[0]
                }
            }
        }
        return Observation(ending: ending, hostCalls: host.take(), memory: memory, globals: globals)
    }

    /// Calls `body` with what an export's `wasmtime_extern_t` holds.
    private func export<Result>(_ name: String, _ body: (UnsafeRawPointer) throws -> Result) throws -> Result {
        try withUnsafeTemporaryAllocation(byteCount: WasmtimeLibrary.Layout.externSize, alignment: 16) { memory in
            let item = memory.baseAddress!
            guard library.instanceExportGet(context, instance, name, name.utf8.count, item) else {
                throw BenchmarkError("peer: no export \(name)")
            }
            return try body(item + WasmtimeLibrary.Layout.externPayload)
        }
    }
}

/// What a host function is called with: which of the program's it is, and whom to tell.
private final class WasmtimeImport {
    private let index: Int
    private let type: FunctionType
    private let host: HostRecord

    init(_ index: Int, _ type: FunctionType, _ host: HostRecord) {
        self.index = index
        self.type = type
        self.host = host
    }

    func call(_ values: UnsafeMutableRawPointer) {
        values.storeRawValues(host.call(index, type, values.loadRawValues(type.parameters)))
    }
}

extension WasmtimeModule {
    /// Defines the program's imports in a linker, each by the type it has in the module: the C API can make no type
    /// with a vector.
    fileprivate func define(
        _ imports: [WasmtimeImport], of program: FuzzedProgram, in linker: WasmtimeLibrary.Object
    ) throws {
        let library = engine.library
        try withUnsafeTemporaryAllocation(byteCount: WasmtimeLibrary.Layout.vectorSize, alignment: 8) { vector in
            let base = vector.baseAddress!
            library.moduleImports(pointer, base)
            defer { library.importTypeVectorDelete(base) }
            let types = base.load(
                fromByteOffset: WasmtimeLibrary.Layout.vectorData, as: UnsafePointer<WasmtimeLibrary.Object>?.self)
            for (index, (name, function)) in program.imports.enumerated() {
                let type = types.flatMap { library.importTypeType($0[index]) }
                    .flatMap { library.externTypeAsFunctionType($0) }
                let environment = Unmanaged.passUnretained(imports[index]).toOpaque()
                try library.check(
                    library.linkerDefineFunctionUnchecked(
                        linker, name, name.utf8.count, function.name, function.name.utf8.count,
                        library.made(type, "function type"),
                        { environment, _, values, _ in
                            guard let environment, let values else { return nil }
                            Unmanaged<WasmtimeImport>.fromOpaque(environment).takeUnretainedValue().call(values)
                            return nil
                        }, environment, nil), "defining \(name).\(function.name)")
            }
        }
    }
}

extension WasmtimeLibrary {
    /// Why it trapped; frees the trap.
    fileprivate func takeCode(of trap: Object) throws -> TrapCode {
        var code: UInt8 = .max
        guard trapCode(trap, &code), Int(code) < Self.trapCodes.count, let found = Self.trapCodes[Int(code)] else {
            try check(nil, trap: trap, "a trap of an unknown kind")
            throw BenchmarkError("peer: a trap of the unknown kind \(code)")
        }
        trapDelete(trap)
        return found
    }

    /// By `wasmtime_trap_code_t`.
    private static let trapCodes: [TrapCode?] = [
        .callStackExhausted, .memoryOutOfBounds, nil, .tableOutOfBounds, .uninitializedElement,
        .indirectCallTypeMismatch, .integerOverflow, .integerDivideByZero, .invalidConversionToInteger, .unreachable,
    ]
}

// Raw values: 16 bytes each, of which a number has the lowest.
extension UnsafeMutableRawPointer {
    fileprivate func storeRawValues(_ values: [V128]) {
        for (index, value) in values.enumerated() {
            let offset = index * WasmtimeLibrary.Layout.rawValueSize
            storeBytes(of: value.low, toByteOffset: offset, as: UInt64.self)
            storeBytes(of: value.high, toByteOffset: offset + 8, as: UInt64.self)
        }
    }

    fileprivate func loadRawValues(_ types: [ValueType]) -> [V128] {
        types.enumerated().map { index, type in
            let offset = index * WasmtimeLibrary.Layout.rawValueSize
            let low = loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            switch type {
            case .i32, .f32: return V128(low: low & 0xFFFF_FFFF)
            case .v128: return V128(low: low, high: loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
            default: return V128(low: low)
            }
        }
    }
}
