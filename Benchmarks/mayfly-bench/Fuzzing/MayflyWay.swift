//! Programs in Mayfly, by settings of its code.

import Compiler
import Mayfly

struct MayflyWay: FuzzedWay {
    let name: String
    /// Makes the engine for a program, or finds it, by the program's number.
    let engine: (UInt64) throws -> Engine

    /// For both instruction sets and both ways to check bounds; and with the compiler's decisions taken at random, others for
    /// each program.
    static func all() throws -> [any FuzzedWay] {
        let chaos = MayflyWay(name: "chaos") { number in
            try engine(
                CodeSettings(
                    boundsChecks: number.isMultiple(of: 3) ? .explicit : .guardPages,
                    instructionSet: number.isMultiple(of: 4) ? .baseline : .v3,
                    experiment: CompilerExperiment(chaosSeed: number)))
        }
        return try [chaos]
            + CodeSettings.InstructionSet.allCases.flatMap { instructionSet in
                try CodeSettings.BoundsChecks.allCases.map { checks in
                    let engine = try engine(CodeSettings(boundsChecks: checks, instructionSet: instructionSet))
                    return MayflyWay(name: "\(instructionSet) \(checks)") { _ in engine }
                }
            }
    }

    private static func engine(_ settings: CodeSettings) throws -> Engine {
        try Engine(.init(pool: PoolConfiguration(slotCount: 2), code: settings))
    }

    func instantiate(_ program: FuzzedProgram) throws -> Instantiation {
        let module: Module
        do {
            module = try engine(program.number).compile(program.bytes)
        } catch let error as CompileError {
            return .refused("\(error)")
        }
        let host = HostRecord(of: program)
        do {
            let template = try module.template(imports: Self.imports(of: program))
            return .guest(MayflyGuest(program, host, try template.instantiate(state: host)))
        } catch let trap as Trap {
            return .trapped(
                Observation(ending: .trapped(trap.code), hostCalls: host.take(), memory: [], globals: []))
        }
    }

    private static func imports(of program: FuzzedProgram) -> Imports<HostRecord> {
        var imports = Imports<HostRecord>()
        for (index, (module, function)) in program.imports.enumerated() {
            let type = function.type
            imports.define(module, function.name, type: type) { caller, cells in
                var next = cells.startIndex
                func take(_ type: ValueType) -> V128 {
                    defer { next += type == .v128 ? 2 : 1 }
                    return V128(low: cells[next], high: type == .v128 ? cells[next + 1] : 0)
                }
                let arguments = type.parameters.map(take)
                next = cells.startIndex
                for (value, type) in zip(caller.state.call(index, type, arguments), type.results) {
                    cells[next] = value.low
                    if type == .v128 { cells[next + 1] = value.high }
                    next += type == .v128 ? 2 : 1
                }
            }
        }
        return imports
    }
}

private final class MayflyGuest: FuzzedGuest {
    private let program: FuzzedProgram
    private let host: HostRecord
    private let instance: Instance<HostRecord>
    /// Storage of the last observation's memory, used again once that is gone: fresh pages for it took most of the
    /// time.
    private var memory: [UInt8] = []

    init(_ program: FuzzedProgram, _ host: HostRecord, _ instance: consuming Instance<HostRecord>) {
        self.program = program
        self.host = host
        self.instance = instance
    }

    func call(_ function: FuzzedProgram.Function, _ arguments: [V128]) throws -> Ending {
        do {
            let values = zip(function.type.parameters, arguments).map { Value($0, bits: $1) }
            return .returned(try instance.call(function.name, arguments: values).map(\.bits))
        } catch let trap as Trap {
            return .trapped(trap.code)
        }
    }

    func observation(after ending: Ending) throws -> Observation {
        memory.removeAll(keepingCapacity: true)
        let size = program.memory == nil ? 0 : instance.memorySize
        let pageSize = Int(MemoryType.pageSize)
        for address in stride(from: 0, to: size, by: pageSize) {
            memory += try instance.readBytes(at: UInt32(address), count: pageSize)
        }
        return Observation(
            ending: ending, hostCalls: host.take(), memory: memory,
            globals: try program.globals.map { try instance.global($0.name).bits })
    }
}

extension Value {
    fileprivate init(_ type: ValueType, bits: V128) {
        switch type {
        case .i32: self = .i32(Int32(truncatingIfNeeded: bits.low))
        case .i64: self = .i64(Int64(bitPattern: bits.low))
        case .f32: self = .f32(Float(bitPattern: UInt32(truncatingIfNeeded: bits.low)))
        case .f64: self = .f64(Double(bitPattern: bits.low))
        default: self = .v128(bits)
        }
    }

    /// Zero for a reference.
    fileprivate var bits: V128 {
        switch self {
        case .i32(let value): V128(low: UInt64(UInt32(bitPattern: value)))
        case .i64(let value): V128(low: UInt64(bitPattern: value))
        case .f32(let value): V128(low: UInt64(value.bitPattern))
        case .f64(let value): V128(low: value.bitPattern)
        case .v128(let value): value
        case .funcref, .externref: V128()
        }
    }
}
