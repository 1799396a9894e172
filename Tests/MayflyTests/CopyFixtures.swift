//! A guest with a bit of every kind of state, for tests of snapshots, forks and roll-backs; the policies they run under.

import Testing

@testable import Mayfly
@testable import Runtime

/// A way of resetting and a way of growing, or dense slots, where growing is all the same.
struct CopyPolicies: Sendable, CustomTestStringConvertible {
    var reset: ResetPolicy
    var growth = GrowthPolicy.protect
    var isDense = false

    var testDescription: String { isDense ? "\(reset), dense" : "\(reset), \(growth)" }

    /// All that work on this kernel.
    static var all: [CopyPolicies] {
        KernelFeatures.current.resetPolicies.flatMap { reset in
            GrowthPolicy.allCases.map { CopyPolicies(reset: reset, growth: $0) }
                + [CopyPolicies(reset: reset, isDense: true)]
        }
    }

    func engine(slots: Int = 8, memory: UInt64 = 64 << 20) throws -> Engine {
        try Engine(
            .init(
                pool: PoolConfiguration(
                    slotCount: slots, spareSlots: 0, maximumMemoryBytes: memory, stackBytes: 256 << 10,
                    tableElements: 4096, resetPolicy: reset, growthPolicy: growth,
                    dense: isDense
                        ? DenseClass(maximumMemoryBytes: 16 << 20, slotCount: slots, stackBytes: 256 << 10) : nil)))
    }
}

extension Engine {
    /// What differs between slots that are free again and their images.
    func residue(_ slots: [Slot]) -> [String] {
        slots.compactMap { ($0.isDense ? core.densePool : core.pool)?.residue(in: $0) }
    }

    /// Of both kinds.
    var liveSlots: Int { poolStatistics.live + (densePoolStatistics?.live ?? 0) }
}

extension Instance {
    /// Its own slot and those of its further memories.
    var slotsHeld: [Slot] { [store.slot] + (store.linkage?.furtherSlots ?? []) }
}

extension Instance {
    /// Expects that a function of i32 returns a value. (A closure whose only throwing calls are in `#expect` is not taken for one
    /// that throws.)
    borrowing func expect(
        _ name: String, _ arguments: Int32..., is expected: Int32, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let results = try call(name, arguments: arguments.map { .i32($0) })
        #expect(results == [.i32(expected)], sourceLocation: sourceLocation)
    }
}

/// Memories, tables, globals, passive segments, and a host function.
enum StatefulGuest {
    static let text = """
        (module
          (import "host" "pause" (func $pause (param i32) (result i32)))
          (memory $m 2 256)
          (memory $n 1 8)
          (data (memory $m) (i32.const 65530) "0123456789ab")
          (data $passive "passive!")
          (table $t 4 64 funcref)
          (table $fixed 2 funcref)
          (elem (table $fixed) (i32.const 0) func $ten $twenty)
          (elem (table $t) (i32.const 1) func $ten)
          (elem $late func $twenty $ten)
          (global $g (mut i64) (i64.const 5))
          (global $v (mut v128) (v128.const i64x2 1 2))
          (global $f (mut funcref) (ref.null func))
          (global $x (mut externref) (ref.null extern))
          (global $starts (export "starts") (mut i32) (i32.const 0))
          (start $start)
          (func $start (global.set $starts (i32.add (global.get $starts) (i32.const 1))))
          (func $ten (result i32) (i32.const 10))
          (func $twenty (result i32) (i32.const 20))
          (func (export "put") (param i32 i32) (i32.store8 $m (local.get 0) (local.get 1)))
          (func (export "get") (param i32) (result i32) (i32.load8_u $m (local.get 0)))
          (func (export "put2") (param i32 i32) (i32.store8 $n (local.get 0) (local.get 1)))
          (func (export "get2") (param i32) (result i32) (i32.load8_u $n (local.get 0)))
          (func (export "fill") (param i32 i32 i32)
            (memory.fill $m (local.get 0) (local.get 1) (local.get 2)))
          (func (export "grow") (param i32) (result i32) (memory.grow $m (local.get 0)))
          (func (export "grow2") (param i32) (result i32) (memory.grow $n (local.get 0)))
          (func (export "size") (result i32) (memory.size $m))
          (func (export "size2") (result i32) (memory.size $n))
          (func (export "setg") (param i64) (global.set $g (local.get 0)))
          (func (export "getg") (result i64) (global.get $g))
          (func (export "setv") (param i64)
            (global.set $v (i64x2.splat (local.get 0))))
          (func (export "getv") (result i64)
            (i64.add (i64x2.extract_lane 0 (global.get $v)) (i64x2.extract_lane 1 (global.get $v))))
          (func (export "setf") (global.set $f (ref.func $twenty)))
          (func (export "callf") (result i32)
            (table.set $t (i32.const 3) (global.get $f)) (call_indirect $t (result i32) (i32.const 3)))
          (func (export "sett") (param i32) (table.set $t (local.get 0) (ref.func $twenty)))
          (func (export "callt") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))
          (func (export "callfixed") (param i32) (result i32) (call_indirect $fixed (result i32) (local.get 0)))
          (func (export "growt") (param i32) (result i32) (table.grow $t (ref.func $ten) (local.get 0)))
          (func (export "sizet") (result i32) (table.size $t))
          (func (export "initm") (param i32) (memory.init $m $passive (local.get 0) (i32.const 0) (i32.const 8)))
          (func (export "dropm") (data.drop $passive))
          (func (export "initt") (table.init $t $late (i32.const 0) (i32.const 0) (i32.const 2)))
          (func (export "dropt") (elem.drop $late))
          (func (export "setx") (param externref) (global.set $x (local.get 0)))
          (func (export "getx") (result externref) (global.get $x))
          (func (export "pause") (param i32) (result i32)
            (i32.store8 $m (i32.const 77) (local.get 0))
            (i32.add (call $pause (local.get 0)) (i32.load8_u $m (i32.const 77))))
          (func (export "spin") (param i32) (unreachable))
          (elem declare func $ten $twenty))
        """

    /// What `host.pause` does by default.
    static func imports<State>(
        _: State.Type, pause: @escaping @Sendable (borrowing Caller<State>, Int32) throws -> Int32 = { $1 }
    ) -> Imports<State> {
        var imports = Imports<State>()
        imports.define("host", "pause") { (caller, value: Int32) in try pause(caller, value) }
        return imports
    }

    static func imports(
        pause: @escaping @Sendable (borrowing Caller<Void>, Int32) throws -> Int32 = { $1 }
    ) -> Imports<Void> { imports(Void.self, pause: pause) }

    static func template(_ engine: Engine) throws -> Template<Void> {
        try engine.compile(text: text).template(imports: imports())
    }
}

/// What a `StatefulGuest` holds, seen from outside.
struct GuestState: Equatable {
    /// A hash of all bytes, and how many there are.
    var memory: [Int]
    var further: [UInt8]
    var globals: [String]
    var table: [Int32?]
    var canInitializeMemory: Bool
    var canInitializeTable: Bool

    /// Looks at a copy's every part. What it does to find out changes the instance.
    init(consuming instance: borrowing Instance<Void>) throws {
        let bytes = try instance.readBytes(at: 0, count: instance.memorySize)
        var hasher = Hasher()
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
        memory = [bytes.count, hasher.finalize()]
        var further: [UInt8] = []
        for address in stride(from: Int32(0), to: try instance.call("size2") * 65536, by: 509) {
            further.append(UInt8(truncatingIfNeeded: try instance.call("get2", address) as Int32))
        }
        self.further = further
        let g: Int64 = try instance.call("getg")
        let v: Int64 = try instance.call("getv")
        let x: ExternReference? = try instance.call("getx")
        globals = ["\(g)", "\(v)", "\(String(describing: x))", "\(try instance.global("starts"))"]
        var table: [Int32?] = []
        for index in 0..<(try instance.call("sizet") as Int32) {
            do {
                table.append(try instance.call("callt", index) as Int32)
            } catch let trap as Trap {
                table.append(trap.code == .uninitializedElement ? nil : -1)
            }
        }
        table += [try instance.call("callfixed", 0), try instance.call("callfixed", 1)]
        table.append(try? instance.call("callf") as Int32)
        self.table = table
        canInitializeMemory = (try? instance.call("initm", 0)) != nil
        canInitializeTable = (try? instance.call("initt")) != nil
    }
}
