//! Code for processors without AVX consists of nothing that these do not have: every instruction, as a disassembler reads it.
//! (Where there is none, the assembler's own assertions remain.)

import Foundation
import TestSupport
import Testing
import WasmModule

@testable import Compiler

@Suite("Code for the baseline instruction set")
struct BaselineCodeTests {
    /// All instructions, with each operand in a register, in memory and known.
    private static func everyInstruction() -> [UInt8] {
        var builder = WasmBuilder()
        builder.memory(1)
        for instruction in ComputingInstruction.all {
            for form in 0..<3 {
                builder.function(
                    "\(instruction.name) \(form)", instruction.parameters, instruction.result.map { [$0] } ?? []
                ) { code in
                    for (index, type) in instruction.parameters.enumerated() {
                        switch (form, type) {
                        case (1, .v128): code.i32Const(64).op(.v128Load, offset: 3)
                        case (1, .f32): code.i32Const(64).f32Load(offset: 3)
                        case (1, .f64): code.i32Const(64).f64Load(offset: 3)
                        case (1, .i32) where index > 0: code.i32Const(64).i32Load(offset: 3)
                        case (1, .i64): code.i32Const(64).i64Load(offset: 3)
                        case (2, .v128): code.v128Const(V128(low: 77, high: 99))
                        case (2, _) where index > 0: code.const(type, bits: 9)
                        default: code.localGet(UInt32(index))
                        }
                    }
                    instruction.emit(code)
                }
            }
        }
        return builder.build()
    }

    private static func modules() throws -> [(name: String, bytes: [UInt8])] {
        var modules = [("every instruction", everyInstruction())]
        for seed in 0..<20 as Range<UInt64> {
            modules.append(("vectors, seed \(seed)", VectorProgram(seed: seed).bytes))
            modules.append(
                ("numbers, seed \(seed)", ModuleGenerator.module(seed: seed, options: .init(work: 100)).bytes))
        }
        return modules
    }

    @Test(
        "No instruction is of AVX, FMA, BMI, LZCNT, POPCNT or SSE4.2",
        .enabled(if: Disassembly.isAvailable, "needs objdump"))
    func containsNothingNewer() throws {
        var mnemonics: Set<String> = []
        for (name, bytes) in try Self.modules() {
            let code = try ModuleCompiler.compile(
                try DecodedModule(decoding: bytes), settings: CodeSettings(instructionSet: .baseline), threads: 2)
            let lines = try Self.reachable(code)
            let newer = lines.filter { Self.isNewer(String($0.prefix { $0 != " " })) }
            #expect(newer.isEmpty, "\(name): \(newer.prefix(5))")
            mnemonics.formUnion(lines.map { String($0.prefix { $0 != " " }) })
        }
        // What only code without the newer instructions has, so it is that which was read.
        #expect(mnemonics.isSuperset(of: ["bsr", "bsf", "shl", "sar", "ror", "addsd", "mulps", "pshufb", "pblendw"]))
    }

    @Test("What is newer is recognized", .enabled(if: Disassembly.isAvailable, "needs objdump"))
    func newerIsFound() throws {
        let code = try ModuleCompiler.compile(
            try DecodedModule(decoding: Self.everyInstruction()), settings: CodeSettings(instructionSet: .v3),
            threads: 2)
        let found = Set(try Self.reachable(code).map { String($0.prefix { $0 != " " }) }.filter(Self.isNewer))
        let expected: Set = ["vaddsd", "vpaddb", "vfmadd231ps", "shlx", "rorx", "lzcnt", "tzcnt", "popcnt", "vmovups"]
        #expect(found.isSuperset(of: expected))
    }

    @Test("Left open, the instruction set is that with AVX, whatever machine compiles")
    func independence() throws {
        let module = try DecodedModule(decoding: Self.everyInstruction())
        let open = try ModuleCompiler.compile(module)
        let chosen = try ModuleCompiler.compile(module, settings: CodeSettings(instructionSet: .v3))
        #expect(open.text == chosen.text)
        #expect(open.settings.instructionSet == .v3)
    }

    private static func isNewer(_ mnemonic: String) -> Bool {
        let others: Set = [
            "shlx", "shrx", "sarx", "rorx", "andn", "bzhi", "blsr", "blsi", "blsmsk", "bextr", "pdep", "pext", "mulx",
            "lzcnt", "tzcnt", "popcnt", "pcmpgtq", "crc32", "pcmpestri", "pcmpestrm", "pcmpistri", "pcmpistrm", "movbe",
        ]
        // No instruction of ours without VEX begins with a v.
        return mnemonic.hasPrefix("v") || others.contains(mnemonic) || mnemonic == "(bad)"
    }

    /// The instructions that control gets to from the start of each function, entry and stub; the constants behind them are
    /// none. For the disassembler there are nops between the pieces, so that it finds the start of the next.
    private static func reachable(_ code: CompiledCode) throws -> [String] {
        let starts = (code.functionOffsets + code.importOffsets + code.entryOffsets.filter { $0 != .max })
        let pieces = Set(starts + [code.exitOffset]).sorted()
        var text = Data()
        var ranges: [Range<UInt32>] = []
        for (start, end) in zip(pieces, pieces.dropFirst() + [UInt32(code.text.count)]) {
            let position = UInt32(text.count)
            text.append(contentsOf: code.text[Int(start)..<Int(end)])
            ranges.append(position..<UInt32(text.count))
            text.append(contentsOf: [UInt8](repeating: 0x90, count: 16))
        }
        let lines = try Disassembly.lines(of: text)
        let positions = lines.keys.sorted()
        let following = Dictionary(uniqueKeysWithValues: zip(positions, positions.dropFirst()))
        var seen: Set<UInt32> = []
        for range in ranges {
            var pending = [range.lowerBound]
            while var position = pending.popLast() {
                while seen.insert(position).inserted {
                    let line = try #require(lines[position], "nothing at \(position)")
                    let fields = line.split(separator: " ")
                    if fields[0].hasPrefix("j"), fields[1].hasPrefix("0x"),
                        let target = UInt32(fields[1].dropFirst(2), radix: 16), range.contains(target)
                    {
                        pending.append(target)
                    }
                    guard !["jmp", "ret", "ud2"].contains(fields[0]), let next = following[position] else { break }
                    position = next
                }
            }
        }
        return seen.compactMap { lines[$0] }
    }
}
