//! Runs compiled code without the runtime: one context, one memory, no traps. For tests of the code generator alone.

import Glibc
import TestSupport
import WasmModule

@testable import Compiler

final class NativeHarness {
    let module: DecodedModule
    let code: CompiledCode
    let memory: UnsafeMutableRawPointer
    let context: UnsafeMutableRawPointer
    private let text: UnsafeMutableRawPointer
    private let textBytes: Int
    private let stack: UnsafeMutableRawPointer
    private let records: UnsafeMutableRawPointer
    private var tables: [UnsafeMutablePointer<UInt64>] = []

    private static let reservation = 6 << 30
    private static let stackBytes = 1 << 20

    /// Decodes, compiles with all checks on, and places everything.
    init(_ bytes: [UInt8], settings: CodeSettings = .init(), threads: Int = 1) throws {
        module = try DecodedModule(decoding: bytes)
        let code = try ModuleCompiler.compile(module, settings: settings, threads: threads, isChecking: true)
        self.code = code
        textBytes = (code.text.count + 4095) & ~4095
        let text = Self.map(textBytes, PROT_READ | PROT_WRITE)
        code.text.withUnsafeBytes { text.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        mprotect(text, textBytes, PROT_READ | PROT_EXEC)
        self.text = text
        memory = Self.map(Self.reservation, PROT_NONE)
        stack = Self.map(Self.stackBytes, PROT_READ | PROT_WRITE)
        let layout = code.layout
        let context = Self.map((layout.size + 4095) & ~4095, PROT_READ | PROT_WRITE)
        self.context = context
        records = Self.map((module.functions.count * FunctionRecord.size + 4096) & ~4095, PROT_READ | PROT_WRITE)

        func set(_ offset: Int, _ value: UInt64) {
            context.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
        }
        func address(_ pointer: UnsafeMutableRawPointer) -> UInt64 { UInt64(UInt(bitPattern: pointer)) }
        set(VMContextLayout.stackLimit, address(stack) + 65536)
        set(VMContextLayout.guestStackPointer, address(stack) + UInt64(Self.stackBytes) - 64)
        set(VMContextLayout.memoryBase, address(memory))
        set(VMContextLayout.functionRecords, address(records))
        set(VMContextLayout.root, address(context))
        set(VMContextLayout.exitStub, address(text) + UInt64(code.exitOffset))
        set(VMContextLayout.runtimeDispatch, UInt64(UInt(bitPattern: unsafeBitCast(Self.dispatch, to: Int.self))))
        for (index, type) in module.canonicalTypeIndices.enumerated() {
            context.storeBytes(of: type, toByteOffset: layout.signature(index), as: UInt32.self)
        }
        for (index, type) in module.functions.enumerated() {
            let offset =
                index < module.importedFunctionCount
                ? code.importOffsets[index] : code.functionOffsets[index - module.importedFunctionCount]
            let record = records + index * FunctionRecord.size
            record.storeBytes(of: address(text) + UInt64(offset), toByteOffset: FunctionRecord.code, as: UInt64.self)
            record.storeBytes(
                of: module.canonicalTypeIndices[Int(type)], toByteOffset: FunctionRecord.signature, as: UInt32.self)
        }
        if let type = module.memories.first {
            let bytes = Int(type.limits.minimum) * 65536
            if bytes > 0 { mprotect(memory, bytes, PROT_READ | PROT_WRITE) }
            set(VMContextLayout.memoryLength, UInt64(bytes))
        }
        for segment in module.data {
            guard case .active(_, let offset) = segment.mode else { continue }
            let start = Int(evaluate(offset))
            for (index, byte) in module.bytes[segment.range].enumerated() {
                memory.storeBytes(of: byte, toByteOffset: start + index, as: UInt8.self)
            }
        }
        for (index, type) in module.tables.enumerated() {
            let table = UnsafeMutablePointer<UInt64>.allocate(capacity: max(1, Int(type.limits.minimum)))
            table.initialize(repeating: 0, count: Int(type.limits.minimum))
            tables.append(table)
            set(layout.tableBase(index), UInt64(UInt(bitPattern: table)))
            set(layout.tableLength(index), type.limits.minimum)
        }
        for segment in module.elements {
            guard case .active(let table, let offset) = segment.mode else { continue }
            for (index, item) in segment.items.enumerated() {
                tables[Int(table)][Int(evaluate(offset)) + index] = evaluate(item)
            }
        }
        for (index, initializer) in module.globalInitializers.enumerated() {
            set(layout.global(module.importedGlobalCount + index), evaluate(initializer))
        }
    }

    deinit {
        munmap(text, textBytes)
        munmap(memory, Self.reservation)
        munmap(stack, Self.stackBytes)
        munmap(context, (code.layout.size + 4095) & ~4095)
        munmap(records, (module.functions.count * FunctionRecord.size + 4096) & ~4095)
        for table in tables { table.deallocate() }
    }

    /// Units of fuel that are left to metered code.
    var fuel: Int64 {
        get {
            context.load(fromByteOffset: VMContextLayout.fuel, as: Int64.self)
                + context.load(fromByteOffset: VMContextLayout.fuelReserve, as: Int64.self)
        }
        set {
            context.storeBytes(of: 0, toByteOffset: VMContextLayout.fuel, as: Int64.self)
            context.storeBytes(of: newValue, toByteOffset: VMContextLayout.fuelReserve, as: Int64.self)
        }
    }

    /// The cells of all globals.
    var globals: [UInt64] {
        module.globals.indices.map { context.load(fromByteOffset: code.layout.global($0), as: UInt64.self) }
    }

    /// All 16 bytes of each global.
    var globalVectors: [V128] {
        module.globals.indices.map { index in
            let offset = code.layout.global(index)
            return V128(
                low: context.load(fromByteOffset: offset, as: UInt64.self),
                high: context.load(fromByteOffset: offset + 8, as: UInt64.self))
        }
    }

    func setGlobal(_ index: Int, _ value: V128) {
        let offset = code.layout.global(index)
        context.storeBytes(of: value.low, toByteOffset: offset, as: UInt64.self)
        context.storeBytes(of: value.high, toByteOffset: offset + 8, as: UInt64.self)
    }

    private func evaluate(_ expression: ConstantExpression) -> UInt64 {
        switch expression.instructions[0] {
        case .i32(let value): UInt64(UInt32(bitPattern: value))
        case .i64(let value): UInt64(bitPattern: value)
        case .f32(let bits): UInt64(bits)
        case .f64(let bits): bits
        case .refFunc(let index): UInt64(UInt(bitPattern: records + Int(index) * FunctionRecord.size))
        default: 0
        }
    }

    private static func map(_ bytes: Int, _ protection: Int32) -> UnsafeMutableRawPointer {
        mmap(nil, max(bytes, 4096), protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)!
    }

    private typealias Dispatch =
        @convention(c) (UnsafeMutableRawPointer, UInt32, UnsafeMutablePointer<UInt64>) -> Int32

    /// The runtime functions that need no runtime: products added with one rounding.
    private static let dispatch: Dispatch = { _, index, cells in
        let opcode: VectorOpcode? =
            switch RuntimeFunction(rawValue: index) {
            case .multiplyAddF32x4: .f32x4RelaxedMadd
            case .negatedMultiplyAddF32x4: .f32x4RelaxedNmadd
            case .multiplyAddF64x2: .f64x2RelaxedMadd
            case .negatedMultiplyAddF64x2: .f64x2RelaxedNmadd
            default: nil
            }
        guard let opcode else { return 1 }
        let operands = (0..<3).map { V128(low: cells[2 * $0], high: cells[2 * $0 + 1]) }
        let result = VectorReference.apply(opcode, operands)
        cells[0] = result.low
        cells[1] = result.high
        return 0
    }

    typealias Entry = @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer, UnsafeMutablePointer<UInt64>) -> Int32

    /// Calls an export. Arguments and results are cells.
    func call(_ name: String, _ arguments: [UInt64] = []) -> [UInt64] {
        let index = Int(module.exports.first { $0.name == name && $0.kind == .function }!.index)
        let type = Int(module.functions[index])
        let results = module.types[type].results.reduce(0) { $0 + $1.cellCount }
        var cells = arguments + [UInt64](repeating: 0, count: max(results - arguments.count, 0) + 1)
        let entry = unsafeBitCast(text + Int(code.entryOffsets[type]), to: Entry.self)
        let status = entry(
            context, text + Int(code.functionOffsets[index - module.importedFunctionCount]), &cells)
        precondition(status == 0)
        return Array(cells.prefix(results))
    }
}
