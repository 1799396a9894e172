//! Functions of shapes that make careless algorithms quadratic, in any size: for tests that they are compiled rightly and for the
//! benchmark that they are compiled in time.

import WasmModule

public struct HostileShape: CustomStringConvertible, Sendable {
    public let name: String
    /// The body of a function (i32, i32) → () with `locals` more i32 locals, for a size.
    private let locals: @Sendable (Int) -> Int
    private let code: @Sendable (CodeBuilder, Int) -> Void
    /// The size at which it is as large as the largest that anybody may come with: at least 100,000 blocks, 50,000 locals, a
    /// branch table of 1 MB, and so on.
    public let fullSize: Int

    init(
        _ name: String, fullSize: Int = 100_000, locals: @escaping @Sendable (Int) -> Int = { _ in 0 },
        _ code: @escaping @Sendable (CodeBuilder, Int) -> Void
    ) {
        self.name = name
        self.fullSize = fullSize
        self.locals = locals
        self.code = code
    }

    public var description: String { name }

    /// A module of one function.
    public func module(size: Int) -> [UInt8] {
        var builder = WasmBuilder()
        builder.memory(1)
        builder.function("f", [.i32, .i32], [], locals: Array(repeating: .i32, count: locals(size))) {
            code($0, size)
        }
        return builder.build()
    }

    public static let all: [HostileShape] = [
        HostileShape("nested blocks, each left from the innermost", fullSize: 65_000) { code, size in
            for _ in 0..<size { code.block() }
            for depth in 0..<size { code.localGet(0).brIf(UInt32(depth)) }
            for _ in 0..<size { code.end() }
        },
        HostileShape("nested loops, each continued from the innermost", fullSize: 65_000) { code, size in
            for _ in 0..<size { code.loop() }
            for depth in 0..<size {
                code.localGet(0).brIf(UInt32(depth)).localGet(0).brIf(UInt32(size - 1 - depth))
            }
            for _ in 0..<size { code.end() }
        },
        HostileShape("one local through nested loops", fullSize: 65_000) { code, size in
            for _ in 0..<size { code.loop() }
            code.localGet(0).i32Const(1).i32Add().localSet(0)
            for _ in 0..<size { code.localGet(0).brIf(0).end() }
        },
        HostileShape("a local that never changes through nested loops", fullSize: 65_000) { code, size in
            for _ in 0..<size { code.loop() }
            code.localGet(0).localSet(0)
            for _ in 0..<size { code.localGet(1).brIf(0).end() }
        },
        HostileShape("many locals through many branches", fullSize: 49_990, locals: { $0 }) { code, size in
            code.block()
            for local in 0..<size { code.localGet(1).localSet(UInt32(2 + local)) }
            for local in 0..<size { code.localGet(0).localSet(UInt32(2 + local)).localGet(0).brIf(0) }
            code.end()
        },
        HostileShape("many locals through nested ifs", fullSize: 49_990, locals: { $0 }) { code, size in
            for local in 0..<size { code.localGet(0).if().localGet(1).localSet(UInt32(2 + local)) }
            for _ in 0..<size { code.end() }
        },
        HostileShape("a long chain of extensions, stored at every link") { code, size in
            for _ in 0..<size {
                code.localGet(0).i32Const(0xFFF).i32And().i32Extend16S().localTee(0).localGet(0).i32Store8()
            }
        },
        HostileShape("a long chain of masks and shifts") { code, size in
            for index in 0..<size {
                code.localGet(0).i32Const(3).i32Shl().localGet(1).i32Xor().i32Const(Int32(index | 0xFFFF)).i32And()
                    .i32Const(2).i32ShrU().localSet(0)
            }
        },
        HostileShape("wide branch tables") { code, size in
            for _ in 0..<100 { code.block() }
            code.localGet(0).brTable((0..<size).map { UInt32($0 % 100) }, default: 0)
            for _ in 0..<100 { code.end() }
        },
        HostileShape("a wide branch table to a loop of many locals", fullSize: 49_990, locals: { $0 }) { code, size in
            code.block().loop()
            for local in 0..<size { code.localGet(UInt32(2 + local)).localSet(UInt32(2 + local)) }
            code.localGet(0).brTable((0..<size).map { UInt32($0 % 2) }, default: 0).end().end()
        },
        HostileShape("constants pushed and added up") { code, size in
            for index in 0..<size { code.i32Const(Int32(index &* 7919)) }
            for _ in 1..<size { code.localGet(0).i32Add().i32Add() }
            code.drop()
        },
        HostileShape("joins after arms that leave") { code, size in
            for _ in 0..<size {
                code.block().localGet(0).if().localGet(1).brIf(1).else().localGet(1).i32Eqz().brIf(1).end().end()
            }
        },
        HostileShape("blocks one after the other") { code, size in
            for index in 0..<size {
                code.block().localGet(0).i32Const(Int32(index)).i32Eq().brIf(0).localGet(1).i32Const(1).i32Add()
                    .localSet(1)
                    .end()
            }
        },
        HostileShape("locals all alive through a loop", fullSize: 49_990, locals: { $0 }) { code, size in
            for local in 0..<size { code.localGet(0).i32Const(Int32(local)).i32Add().localSet(UInt32(2 + local)) }
            code.loop().localGet(1).i32Const(1).i32Sub().localTee(1).brIf(0).end()
            for local in 0..<size { code.i32Const(Int32(local & 0xFFF)).localGet(UInt32(2 + local)).i32Store() }
        },
        HostileShape("locals all alive across calls", fullSize: 49_990, locals: { $0 }) { code, size in
            for local in 0..<size {
                code.localGet(0).i32Const(Int32(local)).i32Add().localSet(UInt32(2 + local))
                if local % 16 == 0 { code.localGet(0).localGet(1).call(0) }
            }
            for local in 0..<size { code.i32Const(Int32(local & 0xFFF)).localGet(UInt32(2 + local)).i32Store() }
        },
        HostileShape("a branch table of 1 MB", fullSize: 1_000_000) { code, size in
            for _ in 0..<8 { code.block() }
            code.localGet(0).brTable((0..<size).map { UInt32($0 % 8) }, default: 0)
            for _ in 0..<8 { code.end() }
        },
        HostileShape("a branch table with as many targets") { code, size in
            let width = max(size / 20, 1)
            for _ in 0..<width { code.block() }
            code.localGet(0).brTable((0..<width).map { UInt32($0) }, default: 0)
            for index in 0..<width { code.end().localGet(1).i32Const(Int32(index)).i32Xor().localSet(1) }
        },
        HostileShape("large constants, all different") { code, size in
            for index in 0..<size {
                code.i32Const(0).i64Const(Int64(index + 1) &* 0x0123_4567_89AB_CDEF).i64Store()
                code.i32Const(8).f64Const(Double(index) + 0.1).f64Store()
            }
        },
        HostileShape("vector constants, all different", fullSize: 50_000) { code, size in
            code.loop()
            for index in 0..<size {
                let low = UInt64(index + 1) &* 0x0123_4567_89AB_CDEF
                code.i32Const(16).i32Const(0).op(.v128Load, offset: 0).v128Const(V128(low: low, high: ~low))
                    .op(.i8x16Add).op(.v128Store, offset: 0)
            }
            code.localGet(0).brIf(0).end()
        },
        HostileShape("many values at once") { code, size in
            for index in 0..<size { code.localGet(0).i32Const(Int32(index)).i32Mul() }
            for _ in 1..<size { code.i32Xor() }
            code.localSet(1)
        },
        HostileShape("selections in a chain") { code, size in
            for index in 0..<size {
                code.localGet(0).localGet(1).localGet(0).i32Const(Int32(index)).i32LtU().select().localSet(
                    index % 2 == 0 ? 0 : 1)
            }
        },
        HostileShape("one long block of everything", fullSize: 200_000) { code, size in
            for index in 0..<size {
                let offset = UInt32(index % 1000) * 4
                code.localGet(0).i32Const(0xFFF).i32And().localGet(0).i32Const(0xFFF).i32And().i32Load(offset: offset)
                    .localGet(1).i32Add().i32Store(offset: offset)
            }
        },
        HostileShape("loops side by side, values through all of them", locals: { _ in 40 }) { code, size in
            for local in 2..<42 { code.localGet(0).i32Const(Int32(local)).i32Mul().localSet(UInt32(local)) }
            for index in 0..<size / 4 {
                code.loop().localGet(1).localGet(UInt32(2 + index % 40)).i32Add().localTee(1).brIf(0).end()
            }
            for local in 2..<42 { code.i32Const(0).localGet(UInt32(local)).i32Store() }
        },
    ]
}
