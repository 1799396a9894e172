//! Modules with several memories, and memories with 64-bit addresses.

import Compiler
import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

@Suite("Several memories")
struct FurtherMemoryTests {
    private static func engines(_ change: (inout PoolConfiguration) -> Void = { _ in }) throws -> [Engine] {
        var pool = PoolConfiguration(slotCount: 8, spareSlots: 0, maximumMemoryBytes: 1 << 20)
        change(&pool)
        return try CodeSettings.BoundsChecks.allCases.map { checks in
            try Engine(.init(pool: pool, code: CodeSettings(boundsChecks: checks)))
        }
    }

    private static let three = """
        (module
          (memory $a (export "a") 1 4) (memory $b 2 3) (memory $c i64 1)
          (data (memory $a) (i32.const 0) "first") (data (memory $b) (i32.const 70000) "second") (data (memory $c) (i64.const 8) "third")
          (data $p "passive")
          (func (export "load") (param i32 i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.load8_u $a (local.get 1)))))
            (if (i32.eq (local.get 0) (i32.const 1)) (then (return (i32.load8_u $b (local.get 1)))))
            (i32.load8_u $c (i64.extend_i32_u (local.get 1))))
          (func (export "store") (param i32 i32 i32)
            (if (i32.eqz (local.get 0)) (then (i32.store8 $a (local.get 1) (local.get 2)) (return)))
            (if (i32.eq (local.get 0) (i32.const 1)) (then (i32.store8 $b (local.get 1) (local.get 2)) (return)))
            (i32.store8 $c (i64.extend_i32_u (local.get 1)) (local.get 2)))
          (func (export "grow") (param i32 i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (memory.grow $a (local.get 1)))))
            (if (i32.eq (local.get 0) (i32.const 1)) (then (return (memory.grow $b (local.get 1)))))
            (i32.wrap_i64 (memory.grow $c (i64.extend_i32_u (local.get 1)))))
          (func (export "size") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (memory.size $a))))
            (if (i32.eq (local.get 0) (i32.const 1)) (then (return (memory.size $b))))
            (i32.wrap_i64 (memory.size $c)))
          (func (export "move")
            (memory.copy $a $b (i32.const 10) (i32.const 70000) (i32.const 6))
            (memory.copy $c $a (i64.const 100) (i32.const 0) (i32.const 5))
            (memory.copy $b $c (i32.const 3) (i64.const 8) (i32.const 5))
            (memory.init $c $p (i64.const 200) (i32.const 0) (i32.const 7))
            (memory.fill $b (i32.const 20) (i32.const 255) (i32.const 4))))
        """

    // A local function that captures a borrowed instance crashes the compiler.
    private static func text(
        _ instance: borrowing Instance<Void>, _ memory: Int32, _ start: Int32, _ count: Int32
    ) throws -> String {
        var bytes: [UInt8] = []
        for address in start..<start + count {
            bytes.append(UInt8(truncatingIfNeeded: try instance.call("load", memory, address) as Int32))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("Each has its own data, size and limits")
    func apart() throws {
        for engine in try Self.engines() {
            let template = try engine.compile(text: Self.three).template()
            for _ in 0..<3 {
                try template.withInstance { instance in
                    #expect(try Self.text(instance, 0, 0, 5) == "first")
                    #expect(try Self.text(instance, 1, 70000, 6) == "second")
                    #expect(try Self.text(instance, 2, 8, 5) == "third")
                    try instance.call("move")
                    #expect(try Self.text(instance, 0, 10, 6) == "second")
                    #expect(try Self.text(instance, 2, 100, 5) == "first")
                    #expect(try Self.text(instance, 1, 3, 5) == "third")
                    #expect(try Self.text(instance, 2, 200, 7) == "passive")
                    #expect(try instance.call("load", 1, 23) as Int32 == 255)
                    for (memory, size, most) in [(0, 1, 4), (1, 2, 3), (2, 1, 16)] as [(Int32, Int32, Int32)] {
                        #expect(try instance.call("size", memory) as Int32 == size)
                        #expect(try instance.call("grow", memory, most - size + 1) as Int32 == -1)
                        #expect(throws: Trap.self) { try instance.call("load", memory, size * 65536) as Int32 }
                        #expect(try instance.call("grow", memory, most - size) as Int32 == size)
                        try instance.call("store", memory, most * 65536 - 1, 9)
                        for address in [most * 65536, -1, .min] {
                            let trap = #expect(throws: Trap.self) { try instance.call("store", memory, address, 9) }
                            #expect(trap?.code == .memoryOutOfBounds)
                        }
                    }
                }
            }
        }
    }

    @Test("Nothing of one instance is left for the next, under every policy")
    func reset() throws {
        for reset in KernelFeatures.current.resetPolicies {
            for growth in GrowthPolicy.allCases {
                let engines = try Self.engines {
                    $0.resetPolicy = reset
                    $0.growthPolicy = growth
                }
                for engine in engines {
                    let template = try engine.compile(text: Self.three).template()
                    for round in 0..<6 {
                        var slots: [Slot] = []
                        try template.withInstance { instance in
                            slots = [instance.store.slot] + instance.store.linkage!.furtherSlots
                            for memory: Int32 in 0..<3 {
                                let size: Int32 = try instance.call("size", memory)
                                #expect(size == (memory == 1 ? 2 : 1))
                                #expect(try instance.call("load", memory, 5000) as Int32 == 0)
                                #expect(try instance.call("load", memory, 65535) as Int32 == 0)
                                if round % 3 == 2 { continue }
                                try instance.call("store", memory, 5000, 77)
                                try instance.call("store", memory, 65535, 77)
                                if round % 3 == 1, try instance.call("grow", memory, 1) as Int32 >= 0 {
                                    try instance.call("store", memory, size * 65536, 77)
                                }
                            }
                        }
                        #expect(slots.count == 3)
                        for slot in slots {
                            #expect(engine.core.pool.residue(in: slot) == nil, "\(reset), \(growth), round \(round)")
                        }
                    }
                    #expect(engine.poolStatistics.live == 0)
                }
            }
        }
    }

    @Test("Without a first memory of its own a module still has its others")
    func onlyImportedFirst() throws {
        for engine in try Self.engines() {
            var store = Store(engine)
            try store.instantiate(try engine.compile(text: "(module (memory (export \"m\") 1))"), as: "a")
            let instance = try store.instantiate(
                try engine.compile(
                    text: """
                        (module (import "a" "m" (memory 1)) (memory $own 1) (data (memory $own) (i32.const 0) "x")
                          (func (export "sum") (result i32) (i32.add (i32.load8_u (i32.const 0)) (i32.load8_u $own (i32.const 0)))))
                        """))
            #expect(try instance.call("sum") as Int32 == 120)
            try instance.writeBytes([1], at: 0)
            #expect(try instance.call("sum") as Int32 == 121)
        }
    }

    // MARK: Bounds

    /// Accesses of every width around every edge, each judged by arithmetic in more bits than any engine has.
    @Test("An access succeeds exactly if all its bytes exist, whatever address and offset add up to")
    func everyEdge() throws {
        let accesses: [(name: String, type: String, bytes: UInt64)] = [
            ("i32.load8_u", "i32", 1), ("i64.load16_s", "i64", 2), ("f32.load", "f32", 4), ("i64.load", "i64", 8),
            ("v128.load", "v128", 16), ("v128.load32_zero", "v128", 4), ("v128.load64_splat", "v128", 8),
        ]
        let size: UInt64 = 65536
        for engine in try Self.engines() {
            for (memory, isWide) in [(0, false), (1, false), (0, true), (1, true)] {
                let index = isWide ? "i64" : "i32"
                var offsets: [UInt64] = [
                    0, 1, 7, size - 16, size - 1, size, 1 << 31, (1 << 31) - 65536, (1 << 31) - 65537, (1 << 32) - 16,
                    (1 << 32) - 1,
                ]
                if isWide { offsets += [1 << 32, 1 << 63, .max - 65536, .max - 1, .max] }
                var text = "(module \(memory == 1 ? "(memory 3)" : "") (memory $m \(isWide ? "i64" : "") 1)\n"
                for (number, access) in accesses.enumerated() {
                    for (position, offset) in offsets.enumerated() {
                        let store =
                            access.bytes == 16
                            ? "v128.store" : "i64.store\(access.bytes == 8 ? "" : "\(access.bytes * 8)")"
                        let value = access.bytes == 16 ? "(v128.const i64x2 1 1)" : "(i64.const 1)"
                        text += """
                            (func (export "l\(number).\(position)") (param \(index)) (drop (\(access.name) $m offset=\(offset) (local.get 0))))
                            (func (export "s\(number).\(position)") (param \(index)) (\(store) $m offset=\(offset) (local.get 0) \(value)))\n
                            """
                    }
                }
                let template = try engine.compile(text: text + ")").template()
                try template.withInstance { instance in
                    for (number, access) in accesses.enumerated() {
                        for (position, offset) in offsets.enumerated() {
                            // Addresses at which the access ends just inside, just outside, or wraps round.
                            let edge = size &- offset &- access.bytes
                            var addresses: [UInt64] = [
                                0, edge, edge &+ 1, edge &- 1, 0 &- offset, .max, .max - 15, 1 << 31,
                            ]
                            addresses += [0 &- offset &- access.bytes, (1 << 32) - 1, (1 << 32) &- offset]
                            for var address in addresses {
                                if !isWide { address &= 0xFFFF_FFFF }
                                let (sum, overflow) = address.addingReportingOverflow(offset)
                                let fits = !overflow && sum <= size - access.bytes
                                let argument: Value =
                                    isWide
                                    ? .i64(Int64(bitPattern: address))
                                    : .i32(Int32(truncatingIfNeeded: Int64(bitPattern: address)))
                                for kind in ["l", "s"] {
                                    do {
                                        _ = try instance.call("\(kind)\(number).\(position)", arguments: [argument])
                                        if !fits {
                                            Issue.record(
                                                "\(kind) \(access.name) at \(address) + \(offset) did not trap")
                                        }
                                    } catch let trap as Trap {
                                        if fits || trap.code != .memoryOutOfBounds {
                                            Issue.record(
                                                "\(kind) \(access.name) at \(address) + \(offset): \(trap.code)")
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("Constant addresses are judged as all others are")
    func constantAddresses() throws {
        for engine in try Self.engines() {
            for (type, isWide) in [("i32", false), ("i64", true)] {
                var cases: [(UInt64, UInt64)] = []
                for address: UInt64 in [0, 65532, 65533, 65536, 1 << 31, (1 << 32) - 4] {
                    for offset: UInt64 in [0, 4, (1 << 31) - 65537, (1 << 32) - 4] { cases.append((address, offset)) }
                }
                if isWide { cases += [(.max, 1), (.max - 3, 0), (1 << 63, 1 << 31), (4, .max), (.max, .max)] }
                var text = "(module (memory \(isWide ? "i64" : "") 1)"
                for (number, (address, offset)) in cases.enumerated() {
                    text +=
                        "(func (export \"f\(number)\") (drop (i32.load offset=\(offset) (\(type).const \(isWide ? "\(Int64(bitPattern: address))" : "\(Int32(truncatingIfNeeded: Int64(address)))")))))\n"
                }
                let instance = try engine.compile(text: text + ")").template().instantiate()
                for (number, (address, offset)) in cases.enumerated() {
                    let (sum, overflow) = address.addingReportingOverflow(offset)
                    let fits = !overflow && sum <= 65532
                    do {
                        try instance.call("f\(number)")
                        #expect(fits, "\(address) + \(offset)")
                    } catch let trap as Trap {
                        #expect(!fits && trap.code == .memoryOutOfBounds, "\(address) + \(offset)")
                    }
                }
            }
        }
    }

    @Test("Bulk operations with 64-bit operands do not wrap")
    func bulkOperands() throws {
        let engine = try testEngine.get()
        let instance = try engine.compile(
            text: """
                (module (memory i64 1) (table $t i64 10 funcref) (data $d "abc") (elem $e func 0)
                  (func (export "fill") (param i64 i64) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
                  (func (export "copy") (param i64 i64 i64) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
                  (func (export "init") (param i64 i32 i32) (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
                  (func (export "table fill") (param i64 i64) (table.fill $t (local.get 0) (ref.null func) (local.get 1)))
                  (func (export "table copy") (param i64 i64 i64) (table.copy (local.get 0) (local.get 1) (local.get 2)))
                  (func (export "table init") (param i64 i32 i32) (table.init $t $e (local.get 0) (local.get 1) (local.get 2)))
                  (func (export "table get") (param i64) (drop (table.get $t (local.get 0))))
                  (func (export "table set") (param i64) (table.set $t (local.get 0) (ref.null func)))
                  (func (export "call") (param i64) (call_indirect (local.get 0)))
                  (func (export "tail") (param i64) (return_call_indirect (local.get 0)))
                  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
                  (func (export "table grow") (param i64) (result i64) (table.grow $t (ref.null func) (local.get 0))))
                """
        ).template().instantiate()
        let edges: [Int64] = [0, 1, 10, 65535, 65536, 1 << 32, (1 << 32) + 1, .max, .min, -1, -65536]
        for target in edges {
            for count in edges {
                let (end, overflow) = UInt64(bitPattern: target).addingReportingOverflow(UInt64(bitPattern: count))
                for (name, size, code) in [("", 65536, .memoryOutOfBounds), ("table ", 10, .tableOutOfBounds)]
                    as [(String, UInt64, TrapCode)]
                {
                    func expect(_ operation: String, _ arguments: [Value], fits: Bool) {
                        do {
                            _ = try instance.call(name + operation, arguments: arguments)
                            #expect(fits, "\(name)\(operation) \(arguments)")
                        } catch {
                            #expect(
                                !fits && (error as? Trap)?.code == code, "\(name)\(operation) \(arguments): \(error)")
                        }
                    }
                    let fits = !overflow && end <= size
                    expect("fill", [.i64(target), .i64(count)], fits: fits)
                    expect(
                        "copy", [.i64(target), .i64(0), .i64(count)], fits: fits && UInt64(bitPattern: count) <= size)
                    expect(
                        "copy", [.i64(0), .i64(target), .i64(count)], fits: fits && UInt64(bitPattern: count) <= size)
                    let start = UInt64(bitPattern: target)
                    expect("init", [.i64(target), .i32(0), .i32(1)], fits: start < size)
                    expect("init", [.i64(target), .i32(-1), .i32(2)], fits: false)
                }
            }
            let isIn = UInt64(bitPattern: target) < 10
            for name in ["table get", "table set"] {
                do {
                    try instance.call(name, target)
                    #expect(isIn)
                } catch let trap as Trap { #expect(!isIn && trap.code == .tableOutOfBounds) }
            }
            for name in ["call", "tail"] {
                let trap = #expect(throws: Trap.self) { try instance.call(name, target) }
                #expect(trap?.code == (isIn ? .uninitializedElement : .undefinedElement))
            }
        }
        for delta: Int64 in [1 << 16, 1 << 32, 1 << 48, .max, .min, -1] {
            #expect(try instance.call("grow", delta) as Int64 == -1)
        }
        for delta: Int64 in [1 << 32, 1 << 48, .max, .min, -1] {
            #expect(try instance.call("table grow", delta) as Int64 == -1)
        }
    }

    @Test("Sizes that no slot has are refused when the template is made")
    func sizes() throws {
        let engine = try Self.engines()[0]
        for size in ["17", "65537", "0x1_0000_0000", "0x1_0000_0000_0000"] {
            let module = try engine.compile(text: "(module (memory i64 \(size)))")
            #expect(module.initialMemorySize > 16 * 65536)
            #expect(throws: LinkError.self) { try module.template() }
            let second = try engine.compile(text: "(module (memory 1) (memory i64 \(size)))")
            #expect(throws: LinkError.self) { try second.template() }
            var store = Store(engine)
            #expect(throws: LinkError.self) { try store.instantiate(module) }
        }
    }
}
