//! What the acceptance tests share: engines, a record of what differs, and the proof that a slot is clean.

import Foundation
import TestSupport
import Testing
import WasmModule

@testable import Mayfly
@testable import Runtime

/// For tests that look at results only. Whoever looks at slots makes a pool of his own, which nobody else acquires
/// from.
let sharedEngine = Result { try Engine(.init(pool: .init(slotCount: 64))) }

private let baselineEngine = Result {
    try Engine(.init(pool: .init(slotCount: 64), code: .init(instructionSet: .baseline)))
}

/// As `sharedEngine`, for code of this instruction set. Results must be the same; both run here, because the tests need a
/// processor that has all.
func sharedEngine(_ instructionSet: CodeSettings.InstructionSet) throws -> Engine {
    switch instructionSet {
    case .v3: try sharedEngine.get()
    case .baseline: try baselineEngine.get()
    }
}

/// For parameterized tests.
let instructionSets = CodeSettings.InstructionSet.allCases

/// An engine whose instances all get the same slot, so that each meets what the one before left.
func singleSlotEngine() throws -> Engine {
    try Engine(.init(pool: .init(slotCount: 1)))
}

extension Engine {
    func compile(_ build: (inout WasmBuilder) throws -> Void) throws -> Module {
        var builder = WasmBuilder()
        try build(&builder)
        return try compile(builder.build())
    }

    /// What a run left in a slot, every byte compared with its image; nil if nothing.
    func residue(in slot: Slot) -> String? { core.pool.residue(in: slot) }
}

extension Instance {
    /// The slot it lives in.
    var slot: Slot { store.slot }
}

/// How a call ended.
enum Outcome: Equatable, CustomStringConvertible {
    case results([Value])
    case trap(TrapCode)

    var description: String {
        switch self {
        case .results(let values): "\(values)"
        case .trap(let code): "trap: \(code.message)"
        }
    }

    var isTrap: Bool { if case .trap = self { true } else { false } }
}

extension Instance {
    /// Calls an export, with a trap as a result. Everything else that is thrown is a mistake of the test and comes out.
    func outcome(_ name: String, _ arguments: [Value]) throws -> Outcome {
        do {
            return .results(try call(name, arguments: arguments))
        } catch let trap as Trap {
            return .trap(trap.code)
        }
    }
}

/// Counts comparisons and keeps the first that fail: one report for thousands of cases.
struct Comparison {
    private(set) var count = 0
    private(set) var differing = 0
    private var first: [String] = []

    mutating func expect<Element: Equatable>(
        _ found: Element, _ expected: Element, _ what: @autoclosure () -> String
    ) {
        count += 1
        if found == expected { return }
        differing += 1
        if first.count < 10 { first.append("\(what()): \(found), expected \(expected)") }
    }

    /// Reports what differed, or that there were fewer than `minimum` cases.
    func report(atLeast minimum: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(
            differing == 0, "\(differing) of \(count) differ:\n\(first.joined(separator: "\n"))",
            sourceLocation: sourceLocation)
        #expect(count >= minimum, "too few cases", sourceLocation: sourceLocation)
    }
}

extension Value {
    init(_ type: ValueType, bits: UInt64) {
        switch type {
        case .i32: self = .i32(Int32(truncatingIfNeeded: bits))
        case .i64: self = .i64(Int64(bitPattern: bits))
        case .f32: self = .f32(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        case .f64: self = .f64(Double(bitPattern: bits))
        default: preconditionFailure("a number type")
        }
    }

    /// From the lowest bits of a vector.
    init(_ type: ValueType, vector: V128) {
        self = type == .v128 ? .v128(vector) : Value(type, bits: vector.low)
    }

    /// The bits of a number or of a vector, zeros above.
    var vector: V128 {
        if case .v128(let vector) = self { vector } else { V128(low: bits) }
    }

    /// The bits of a number, the upper half of a 32-bit one clear.
    var bits: UInt64 {
        switch self {
        case .i32(let value): UInt64(UInt32(bitPattern: value))
        case .i64(let value): UInt64(bitPattern: value)
        case .f32(let value): UInt64(value.bitPattern)
        case .f64(let value): value.bitPattern
        case .v128, .funcref, .externref: preconditionFailure("a number")
        }
    }
}
