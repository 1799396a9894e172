//! Every operation that can trap, apart from memory accesses and calls without end, with operands that make it trap and
//! operands that just don't. Expectations come from Swift's arithmetic or from the sizes below.

import Mayfly
import TestSupport
import Testing
import WasmModule

/// An operation whose operands are on the stack.
struct Operation: Sendable, CustomTestStringConvertible {
    let name: String
    let parameters: [ValueType]
    let results: [ValueType]
    let emit: @Sendable (CodeBuilder) -> Void
    let cases: [(operands: [Value], outcome: Outcome)]

    var testDescription: String { name }
}

/// The module the operations are in.
enum OperationModule {
    static let pages: UInt32 = 1
    static let memoryBytes: Int64 = 1 << 16
    static let tableElements: Int64 = 8
    /// Of the passive segments.
    static let dataBytes: Int64 = 5
    static let elementCount: Int64 = 3
    /// A function of an index and a count.
    static let fillWithNull: UInt32 = 3
    /// Calls itself without end.
    static let recurse: UInt32 = 6

    /// Table 0 is written by code; table 1 is not. Elements 0 and 1 of both return 11 and 12, element 2 takes an i64,
    /// the rest is null.
    static func define(_ module: inout WasmBuilder) {
        let eleven = module.function(nil, [], [.i32]) { $0.i32Const(11) }
        let twelve = module.function(nil, [], [.i32]) { $0.i32Const(12) }
        let other = module.function(nil, [.i64], [.i32]) { $0.i32Const(13) }
        // `table.fill` takes the value between the two.
        let fill = module.function(nil, [.i32, .i32], []) { $0.localGet(0).refNull(.funcref).localGet(1).tableFill() }
        precondition(fill == fillWithNull)
        module.memory(pages, max: pages, export: "memory")
        for table in 0..<2 {
            module.table(.funcref, UInt32(tableElements))
            module.element(table: UInt32(table), at: 0, functions: [eleven, twelve, other])
        }
        module.passiveElement(functions: [eleven, twelve, other])
        module.passiveData([UInt8](repeating: 9, count: Int(dataBytes)))
        // Sees what any instance before this one wrote anywhere in memory.
        module.function("sum", [], [.i64], locals: [.i32, .i64]) { code in
            code.loop { code in
                code.localGet(1).localGet(0).i64Load().i64Add().localSet(1)
                code.localGet(0).i32Const(8).i32Add().localTee(0)
                code.i32Const(Int32(memoryBytes)).i32LtU().brIf(0)
            }
            code.localGet(1)
        }
        module.function("soil", [.i32], []) { $0.i32Const(0).localGet(0).i32Const(Int32(memoryBytes)).memoryFill() }
        module.function("recurse", [.i64], [.i64]) { code in
            code.localGet(0).localGet(0).i64Const(1).i64Add().call(recurse).i64Add()
        }
        for operation in Operation.all {
            module.function(operation.name, operation.parameters, operation.results) { code in
                for index in operation.parameters.indices { code.localGet(UInt32(index)) }
                operation.emit(code)
            }
            // Nobody wants the result, but the trap remains.
            module.function("\(operation.name), dropped", operation.parameters, []) { code in
                for index in operation.parameters.indices { code.localGet(UInt32(index)) }
                operation.emit(code)
                for _ in operation.results { code.drop() }
            }
            for (number, entry) in operation.cases.enumerated() {
                module.function("\(operation.name), constant \(number)", [], operation.results) { code in
                    for operand in entry.operands { code.const(operand.type, bits: operand.bits) }
                    operation.emit(code)
                }
            }
        }
    }
}

extension Operation {
    static let all: [Operation] = division + truncation + bulk + indirectCalls + unconditional

    /// Every operation that traps, with operands: the forms of `OperationModule`, taking turns.
    static let traps: [(export: String, operands: [Value], code: TrapCode)] =
        [
            ("recurse", [.i64(0)], .callStackExhausted)
        ]
        + all.flatMap { operation in
            operation.cases.enumerated().compactMap { number, entry in
                guard case .trap(let code) = entry.outcome else { return nil }
                return switch number % 3 {
                case 0: (operation.name, entry.operands, code)
                case 1: ("\(operation.name), dropped", entry.operands, code)
                default: ("\(operation.name), constant \(number)", [], code)
                }
            }
        }

    // MARK: Division

    private static let division: [Operation] =
        integers(.i32, [.i32DivS, .i32DivU, .i32RemS, .i32RemU], Int32.self, UInt32.self) {
            .i32(Int32(truncatingIfNeeded: $0))
        }
        + integers(.i64, [.i64DivS, .i64DivU, .i64RemS, .i64RemU], Int64.self, UInt64.self) {
            .i64(Int64(truncatingIfNeeded: $0))
        }

    private static func integers<
        Signed: FixedWidthInteger & SignedInteger, Unsigned: FixedWidthInteger & UnsignedInteger
    >(
        _ type: ValueType, _ opcodes: [Opcode], _: Signed.Type, _: Unsigned.Type, _ value: (Int64) -> Value
    ) -> [Operation] {
        let numbers: [Signed] = [0, 1, -1, 2, -2, 7, -7, 1000, .min, .min + 1, .max, .max - 1]
        return opcodes.enumerated().map { number, opcode in
            let (isSigned, isDivision) = (number % 2 == 0, number < 2)
            var cases: [(operands: [Value], outcome: Outcome)] = []
            for dividend in numbers {
                for divisor in numbers {
                    let outcome: Outcome
                    if divisor == 0 {
                        outcome = .trap(.integerDivideByZero)
                    } else if isSigned {
                        let (quotient, overflow) = dividend.dividedReportingOverflow(by: divisor)
                        // The remainder is 0 where the quotient does not fit.
                        let remainder = overflow ? 0 : dividend % divisor
                        outcome =
                            isDivision && overflow
                            ? .trap(.integerOverflow) : .results([value(Int64(isDivision ? quotient : remainder))])
                    } else {
                        let (a, b) = (Unsigned(truncatingIfNeeded: dividend), Unsigned(truncatingIfNeeded: divisor))
                        outcome = .results([value(Int64(truncatingIfNeeded: isDivision ? a / b : a % b))])
                    }
                    cases.append(([value(Int64(dividend)), value(Int64(divisor))], outcome))
                }
            }
            return Operation(
                name: "\(opcode)", parameters: [type, type], results: [type], emit: { $0.op(opcode) }, cases: cases)
        }
    }

    // MARK: Truncation

    private static let truncation: [Operation] = [
        truncation(.i32TruncF32S, .f32, .i32, Float.self, Int32.self, { .f32($0) }, { .i32($0) }),
        truncation(.i32TruncF32U, .f32, .i32, Float.self, UInt32.self, { .f32($0) }, { .i32(Int32(bitPattern: $0)) }),
        truncation(.i32TruncF64S, .f64, .i32, Double.self, Int32.self, { .f64($0) }, { .i32($0) }),
        truncation(.i32TruncF64U, .f64, .i32, Double.self, UInt32.self, { .f64($0) }, { .i32(Int32(bitPattern: $0)) }),
        truncation(.i64TruncF32S, .f32, .i64, Float.self, Int64.self, { .f32($0) }, { .i64($0) }),
        truncation(.i64TruncF32U, .f32, .i64, Float.self, UInt64.self, { .f32($0) }, { .i64(Int64(bitPattern: $0)) }),
        truncation(.i64TruncF64S, .f64, .i64, Double.self, Int64.self, { .f64($0) }, { .i64($0) }),
        truncation(.i64TruncF64U, .f64, .i64, Double.self, UInt64.self, { .f64($0) }, { .i64(Int64(bitPattern: $0)) }),
    ]

    private static func truncation<Source: BinaryFloatingPoint, Target: FixedWidthInteger>(
        _ opcode: Opcode, _ from: ValueType, _ to: ValueType, _: Source.Type, _: Target.Type,
        _ source: (Source) -> Value, _ target: (Target) -> Value
    ) -> Operation {
        var numbers: [Source] = [
            .nan, -.nan, .signalingNaN, .infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
            .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0, -0.0,
        ]
        // About every limit, of this and of other types: one place further, and a fraction or a whole beyond.
        for limit: Source in [0, 1, 0x1p31, 0x1p32, 0x1p63, 0x1p64] {
            for number in [
                limit, limit.nextUp, limit.nextDown, limit - 0.5, limit + 0.5, limit - 1, limit + 1, limit - 0.1,
            ] {
                numbers += [number, -number]
            }
        }
        let cases = numbers.map { number -> (operands: [Value], outcome: Outcome) in
            let outcome: Outcome
            if number.isNaN {
                outcome = .trap(.invalidConversionToInteger)
            } else if let result = Target(exactly: number.rounded(.towardZero)) {
                outcome = .results([target(result)])
            } else {
                outcome = .trap(.integerOverflow)
            }
            return ([source(number)], outcome)
        }
        return Operation(name: "\(opcode)", parameters: [from], results: [to], emit: { $0.op(opcode) }, cases: cases)
    }

    // MARK: Memory and table ranges

    private static let bulk: [Operation] = {
        let (memory, table) = (OperationModule.memoryBytes, OperationModule.tableElements)
        let (data, element) = (OperationModule.dataBytes, OperationModule.elementCount)
        return [
            range("memory.copy", memory, memory, .memoryOutOfBounds) { $0.memoryCopy() },
            range("memory.fill", memory, 256, isFill: true, .memoryOutOfBounds) { $0.memoryFill() },
            range("memory.init", memory, data, .memoryOutOfBounds) { $0.memoryInit(data: 0) },
            range("memory.init of a dropped segment", memory, 0, .memoryOutOfBounds) {
                $0.dataDrop(0).memoryInit(data: 0)
            },
            range("table.copy", table, table, .tableOutOfBounds) { $0.tableCopy() },
            range("table.init", table, element, .tableOutOfBounds) { $0.tableInit(element: 2) },
            range("table.init of a dropped segment", table, 0, .tableOutOfBounds) {
                $0.elemDrop(2).tableInit(element: 2)
            },
            range("table.init of an active segment", table, 0, .tableOutOfBounds) { $0.tableInit(element: 0) },
        ] + tableAccesses
    }()

    /// An operation on `count` things at `destination` from `source` (or with that value), in that order of operands.
    private static func range(
        _ name: String, _ destinations: Int64, _ sources: Int64, isFill: Bool = false, _ code: TrapCode,
        _ emit: @escaping @Sendable (CodeBuilder) -> Void
    ) -> Operation {
        let ends: [Int64] = [0, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]
        func near(_ length: Int64) -> [Int64] { [length - 1, length, length + 1].filter { $0 >= 0 } }
        var cases: [(operands: [Value], outcome: Outcome)] = []
        for destination in ends + near(destinations) {
            for source in isFill ? [7] : ends + near(sources) {
                for count in [0, 1, 2] + near(destinations) + near(sources) + [0x8000_0000, 0xFFFF_FFFF] {
                    let fits = destination + count <= destinations && (isFill || source + count <= sources)
                    let operands = [destination, source, count].map { Value.i32(Int32(truncatingIfNeeded: $0)) }
                    cases.append((operands, fits ? .results([]) : .trap(code)))
                }
            }
        }
        return Operation(name: name, parameters: [.i32, .i32, .i32], results: [], emit: emit, cases: cases)
    }

    private static let tableAccesses: [Operation] = {
        let size = OperationModule.tableElements
        let indices: [Int64] = [0, 1, size - 1, size, size + 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]
        func operand(_ index: Int64) -> Value { .i32(Int32(truncatingIfNeeded: index)) }
        let counts: [Int64] = [0, 1, size, size + 1, 0x8000_0000, 0xFFFF_FFFF]
        let fills = indices.flatMap { index in
            counts.map { count -> (operands: [Value], outcome: Outcome) in
                ([operand(index), operand(count)], index + count <= size ? .results([]) : .trap(.tableOutOfBounds))
            }
        }
        return [
            Operation(
                name: "table.get", parameters: [.i32], results: [.i32], emit: { $0.tableGet().refIsNull() },
                cases: indices.map { index in
                    ([operand(index)], index < size ? .results([.i32(index < 3 ? 0 : 1)]) : .trap(.tableOutOfBounds))
                }),
            Operation(
                name: "table.set", parameters: [.i32], results: [], emit: { $0.refNull(.funcref).tableSet() },
                cases: indices.map { ([operand($0)], $0 < size ? .results([]) : .trap(.tableOutOfBounds)) }),
            Operation(
                name: "table.fill", parameters: [.i32, .i32], results: [],
                emit: { $0.call(OperationModule.fillWithNull) }, cases: fills),
        ]
    }()

    // MARK: Calls

    private static let indirectCalls: [Operation] = [UInt32(0), 1].map { table in
        let size = OperationModule.tableElements
        let indices: [Int64] = [0, 1, 2, 3, size - 1, size, size + 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]
        return Operation(
            name: "call_indirect in \(table == 0 ? "a mutable" : "an immutable") table", parameters: [.i32],
            results: [.i32],
            emit: { $0.callIndirect(type: 0, table: table) },
            cases: indices.map { index in
                let outcome: Outcome =
                    switch index {
                    case 0: .results([.i32(11)])
                    case 1: .results([.i32(12)])
                    case 2: .trap(.indirectCallTypeMismatch)
                    case 3..<size: .trap(.uninitializedElement)
                    default: .trap(.undefinedElement)
                    }
                return ([.i32(Int32(truncatingIfNeeded: index))], outcome)
            })
    }

    private static let unconditional: [Operation] = [
        Operation(
            name: "unreachable", parameters: [], results: [.i32], emit: { $0.unreachable() },
            cases: [([], .trap(.unreachable))])
    ]
}
