//! A guest between two neighbours in dense slots, and the proof that neither noticed it.

import Compiler
import Glibc
import TestSupport
import Testing
import WasmModule

@testable import Mayfly
@testable import Runtime

/// Three slots side by side. Those at the sides are filled with patterns, memory and everything else; a test does what it
/// likes in the one between.
struct Neighbourhood {
    /// Pages of 64 KiB that a memory of these slots can have.
    static let pages = 4
    static let span = pages << 16

    let engine: Engine
    private let left: Neighbour
    private let right: Neighbour
    let attacker: Held

    /// An instance in a list.
    final class Held {
        let instance: Instance<Void>
        init(_ instance: consuming Instance<Void>) { self.instance = instance }
    }

    /// A slot whose every byte is noted.
    private struct Neighbour {
        let guest: Held
        let name: String
        private var memory: [UInt8] = []
        private var control: [UInt8] = []

        init(_ instance: consuming Instance<Void>, _ name: String, seed: UInt8) throws {
            guest = Held(instance)
            self.name = name
            let pattern = (0..<Neighbourhood.span).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) ^ seed }
            try guest.instance.writeBytes(pattern, at: 0)
            // Something on its stack, too.
            #expect(try guest.instance.call("sum", 12) as Int32 == 78)
            memory = pattern
            control = Array(controlBytes)
        }

        /// Stack, context and tables.
        private var controlBytes: UnsafeRawBufferPointer {
            let slot = guest.instance.slot
            let start = slot.stackLimit - PoolGeometry.stackReserve
            let end = slot.context + DenseClass().contextBytes + DenseClass().tableElements * 8
            return UnsafeRawBufferPointer(start: start, count: end - start)
        }

        /// What became of it; nil if it is as it was.
        func damage() -> String? {
            let found = UnsafeRawBufferPointer(start: guest.instance.slot.memoryBase, count: memory.count)
            if memcmp(found.baseAddress!, memory, memory.count) != 0 {
                let place = found.indices.first { found[$0] != memory[$0] } ?? 0
                return "byte \(place) of the \(name) neighbour's memory changed"
            }
            if memcmp(controlBytes.baseAddress!, control, control.count) != 0 {
                return "the \(name) neighbour's stack, context or tables changed"
            }
            return nil
        }
    }

    private static let victim = """
        (module (memory 4 4) (global (mut i64) (i64.const 0x1234567890)) (table 9 9 funcref) (elem (i32.const 3) $sum)
          (func (export "set") (param i32) (table.set (local.get 0) (ref.null func)))
          (func $sum (export "sum") (param i32) (result i32)
            (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
              (else (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1))))))))
        """

    /// - Parameters:
    ///   - slots: that the attacker's instance takes: more than one if it has further memories.
    ///   - attacker: its module, with memories of up to 4 pages.
    init(
        _ instructionSet: CodeSettings.InstructionSet = .v3, slots: Int = 1, imports: Imports<Void> = Imports(),
        attacker: (Engine) throws -> Module
    ) throws {
        engine = try Engine(
            .init(
                pool: PoolConfiguration(
                    slotCount: 1, spareSlots: 0, idleTime: nil,
                    dense: DenseClass(maximumMemoryBytes: UInt64(Self.span), slotCount: slots + 2)),
                code: CodeSettings(instructionSet: instructionSet)))
        let victim = try engine.compile(text: Self.victim).template()
        left = try Neighbour(try victim.instantiate(), "left", seed: 0x3C)
        self.attacker = Held(
            try attacker(engine).template(imports: imports, memoryLimit: UInt64(Self.span)).instantiate())
        right = try Neighbour(try victim.instantiate(), "right", seed: 0xA5)
        let base = self.attacker.instance.slot.memoryBase
        #expect(left.guest.instance.slot.memoryBase == base - Self.span)
        #expect(right.guest.instance.slot.memoryBase == base + slots * Self.span)
        #expect(engine.densePoolStatistics?.live == slots + 2)
    }

    /// What is not as it should be: a neighbour, or the rest of the guest's own slots beyond their memories.
    func damage() -> String? {
        if let problem = left.damage() ?? right.damage() { return problem }
        for slot in attacker.instance.slotsOfMemories {
            let length = Int(slot.context.loadWord(at: VMContextLayout.memoryLength))
            for offset in stride(from: length, to: Self.span, by: 4096) where !isZeroPage(slot.memoryBase + offset) {
                return "the slot has something beyond its memory's length, at \(offset) or after"
            }
        }
        return nil
    }

    /// Whether the neighbours still work.
    func verifyNeighbours() throws {
        for neighbour in [left, right] {
            #expect(try neighbour.guest.instance.call("sum", 100) as Int32 == 5050)
        }
    }
}

extension Instance {
    fileprivate var slotsOfMemories: [Slot] { [store.slot] + (store.linkage?.furtherSlots ?? []) }
}
