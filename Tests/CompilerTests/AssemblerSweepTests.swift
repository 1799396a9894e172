//! Every instruction with every register, against a disassembler.
//!
//! The tables hold chosen cases and need no tool; this goes through all registers in each place and all shapes of
//! memory operands, about 110,000 instructions, and asks `objdump` what they are. Skipped where there is no objdump.

import Testing

@testable import Compiler

@Suite(
    "Assembler against objdump",
    .enabled(if: Disassembly.isAvailable, "needs objdump"))
struct AssemblerSweepTests: AssemblerSweeps {
    // MARK: Sweeps

    @Test("Address forms")
    func addresses() throws {
        var sweep = AssemblerSweep()
        for memory in memories {
            for register: UInt8 in [2, 10] {
                sweep.add("mov \(name(.w64, register)),\(text(.w64, memory))") { $0.mov(.w64, register, memory) }
                sweep.add("movzx \(name(.w32, register)),\(text(.w8, memory))") {
                    $0.movzx(from: .w8, register, memory)
                }
                sweep.add("lea \(name(.w32, register)),\(address(memory))") { $0.lea(.w32, register, memory) }
                sweep.add("vmovss \(xmm(register)),\(text(.w32, memory))") { $0.vmovs(.f32, register, memory) }
                sweep.add("rorx \(name(.w32, register)),\(text(.w32, memory)),0x7") {
                    $0.rorx(.w32, register, memory, imm: 7)
                }
            }
            sweep.add("cmp \(text(.w32, memory)),0x7f") { $0.alu(.cmp, .w32, memory, imm: 127) }
        }
        try sweep.check()
    }

    @Test("Integer arithmetic")
    func arithmetic() throws {
        var sweep = AssemblerSweep()
        let operations: [(ALU, String)] = [
            (.add, "add"), (.or, "or"), (.adc, "adc"), (.sbb, "sbb"), (.and, "and"), (.sub, "sub"), (.xor, "xor"),
            (.cmp, "cmp"),
        ]
        for (operation, mnemonic) in operations {
            for w in all {
                for a in registers {
                    for b in registers {
                        sweep.add("\(mnemonic) \(name(w, a)),\(name(w, b))") { $0.alu(operation, w, a, b) }
                    }
                    for memory in fewMemories {
                        sweep.add("\(mnemonic) \(name(w, a)),\(text(w, memory))") { $0.alu(operation, w, a, memory) }
                        sweep.add("\(mnemonic) \(text(w, memory)),\(name(w, a))") { $0.alu(operation, w, memory, a) }
                    }
                    for value in immediates(w) {
                        sweep.add("\(mnemonic) \(name(w, a)),\(immediate(w, value))") {
                            $0.alu(operation, w, a, imm: value)
                        }
                    }
                }
                for memory in fewMemories {
                    for value in immediates(w) {
                        sweep.add("\(mnemonic) \(text(w, memory)),\(immediate(w, value))") {
                            $0.alu(operation, w, memory, imm: value)
                        }
                    }
                }
            }
        }
        try sweep.check()
    }

    private func immediates(_ w: Width) -> [Int32] {
        switch w {
        case .w8: [0, 1, -1, 127, -128]
        case .w16: [0, 1, -1, 127, 128, -128, -129, 0x7fff]
        default: [0, 1, -1, 127, 128, -128, -129, .max, .min]
        }
    }

    @Test("Other integer instructions on registers")
    func integers() throws {
        var sweep = AssemblerSweep()
        let shifts: [(Shift, String)] = [(.rol, "rol"), (.ror, "ror"), (.shl, "shl"), (.shr, "shr"), (.sar, "sar")]
        for w in all {
            for a in registers {
                let r = name(w, a)
                sweep.add("neg \(r)") { $0.neg(w, a) }
                sweep.add("not \(r)") { $0.not(w, a) }
                sweep.add("mul \(r)") { $0.mul(w, a) }
                sweep.add("imul \(r)") { $0.imul(w, a) }
                sweep.add("div \(r)") { $0.div(w, a) }
                sweep.add("idiv \(r)") { $0.idiv(w, a) }
                sweep.add("test \(r),0x12") { $0.test(w, a, imm: 0x12) }
                for (shift, mnemonic) in shifts {
                    sweep.add("\(mnemonic) \(r),0x5") { $0.shift(shift, w, a, imm: 5) }
                    sweep.add("\(mnemonic) \(r),cl") { $0.shiftByCL(shift, w, a) }
                }
                for b in registers { sweep.add("test \(name(w, a)),\(name(w, b))") { $0.test(w, a, b) } }
                for memory in fewMemories {
                    sweep.add("mov \(text(w, memory)),\(r)") { $0.mov(w, memory, a) }
                    sweep.add("test \(text(w, memory)),\(r)") { $0.test(w, memory, a) }
                }
            }
            for memory in fewMemories {
                sweep.add("mov \(text(w, memory)),0x12") { $0.mov(w, memory, imm: 0x12) }
                sweep.add("test \(text(w, memory)),0x12") { $0.test(w, memory, imm: 0x12) }
                sweep.add("idiv \(text(w, memory))") { $0.idiv(w, memory) }
                sweep.add("shr \(text(w, memory)),0x3") { $0.shift(.shr, w, memory, imm: 3) }
            }
        }
        for w in notByte {
            for a in registers {
                for b in registers {
                    let pair = "\(name(w, a)),\(name(w, b))"
                    sweep.add("imul \(pair)") { $0.imul(w, a, b) }
                    sweep.add("imul \(pair),0x5") { $0.imul(w, a, b, imm: 5) }
                    sweep.add("imul \(pair),0x1234") { $0.imul(w, a, b, imm: 0x1234) }
                    sweep.add("lzcnt \(pair)") { $0.lzcnt(w, a, b) }
                    sweep.add("tzcnt \(pair)") { $0.tzcnt(w, a, b) }
                    sweep.add("popcnt \(pair)") { $0.popcnt(w, a, b) }
                    sweep.add("cmovae \(pair)") { $0.cmov(.aboveOrEqual, w, a, b) }
                }
            }
        }
        try sweep.check()
    }

    @Test("Moves, extensions and conditions on registers")
    func moves() throws {
        var sweep = AssemblerSweep()
        for a in registers {
            sweep.add("push \(name(.w64, a))") { $0.push(a) }
            sweep.add("pop \(name(.w64, a))") { $0.pop(a) }
            sweep.add("jmp \(name(.w64, a))") { $0.jmp(a) }
            sweep.add("call \(name(.w64, a))") { $0.call(a) }
            sweep.add("xor \(name(.w32, a)),\(name(.w32, a))") { $0.zero(a) }
            sweep.add("mov \(name(.w32, a)),0xfffffffe") { $0.movImmediate(a, 0xffff_fffe) }
            sweep.add("mov \(name(.w64, a)),0xfffffffffffffffe") { $0.movImmediate(a, ~1) }
            sweep.add("movabs \(name(.w64, a)),0x123456789abcdef") { $0.movImmediate(a, 0x0123_4567_89ab_cdef) }
            for raw: UInt8 in 0..<16 {
                let condition = Condition(rawValue: raw)!
                let suffix = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"]
                sweep.add("set\(suffix[Int(raw)]) \(name(.w8, a))") { $0.setcc(condition, a) }
                sweep.add("cmov\(suffix[Int(raw)]) \(name(.w64, a)),r9") { $0.cmov(condition, .w64, a, 9) }
            }
            for b in registers {
                for w in wide { sweep.add("mov \(name(w, a)),\(name(w, b))") { $0.mov(w, a, b) } }
                sweep.add("movzx \(name(.w32, a)),\(name(.w8, b))") { $0.movzx(from: .w8, a, b) }
                sweep.add("movzx \(name(.w32, a)),\(name(.w16, b))") { $0.movzx(from: .w16, a, b) }
                for w in wide {
                    sweep.add("movsx \(name(w, a)),\(name(.w8, b))") { $0.movsx(from: .w8, to: w, a, b) }
                    sweep.add("movsx \(name(w, a)),\(name(.w16, b))") { $0.movsx(from: .w16, to: w, a, b) }
                }
                sweep.add("movsxd \(name(.w64, a)),\(name(.w32, b))") { $0.movsx(from: .w32, to: .w64, a, b) }
            }
        }
        try sweep.check()
    }

    @Test("Integer instructions under VEX")
    func bmi() throws {
        var sweep = AssemblerSweep()
        for w in wide {
            for a in registers {
                for b in registers {
                    let c = a ^ b ^ 6
                    let (x, y, z) = (name(w, a), name(w, b), name(w, c))
                    sweep.add("shlx \(x),\(y),\(z)") { $0.shlx(w, a, b, c) }
                    sweep.add("shrx \(x),\(y),\(z)") { $0.shrx(w, a, b, c) }
                    sweep.add("sarx \(x),\(y),\(z)") { $0.sarx(w, a, b, c) }
                    sweep.add("andn \(x),\(y),\(z)") { $0.andn(w, a, b, c) }
                    sweep.add("blsr \(x),\(y)") { $0.blsr(w, a, b) }
                    sweep.add("blsi \(x),\(y)") { $0.blsi(w, a, b) }
                    sweep.add("rorx \(x),\(y),0x9") { $0.rorx(w, a, b, imm: 9) }
                }
                for memory in fewMemories {
                    let m = text(w, memory)
                    sweep.add("shlx \(name(w, a)),\(m),\(name(w, 10))") { $0.shlx(w, a, memory, 10) }
                    sweep.add("andn \(name(w, a)),\(name(w, 10)),\(m)") { $0.andn(w, a, 10, memory) }
                }
            }
        }
        try sweep.check()
    }

    @Test("Floating point")
    func floats() throws {
        var sweep = AssemblerSweep()
        let operations: [(VScalar, String)] = [
            (.sqrt, "sqrt"), (.add, "add"), (.mul, "mul"), (.sub, "sub"), (.min, "min"), (.div, "div"), (.max, "max"),
        ]
        for fw in [FloatWidth.f32, .f64] {
            let s = fw == .f32 ? "s" : "d"
            let size: Width = fw == .f32 ? .w32 : .w64
            for a in registers {
                for b in registers {
                    let c = a ^ b ^ 6
                    let (x, y, z) = (xmm(a), xmm(b), xmm(c))
                    for (operation, mnemonic) in operations {
                        sweep.add("v\(mnemonic)s\(s) \(x),\(y),\(z)") { $0.vscalar(operation, fw, a, b, c) }
                    }
                    sweep.add("vandnp\(s) \(x),\(y),\(z)") { $0.vlogic(.andNot, fw, a, b, c) }
                    // The sources of these may change places.
                    let (first, second) = c >= 8 && b < 8 ? (z, y) : (y, z)
                    sweep.add("vandp\(s) \(x),\(first),\(second)") { $0.vlogic(.and, fw, a, b, c) }
                    sweep.add("vorp\(s) \(x),\(first),\(second)") { $0.vlogic(.or, fw, a, b, c) }
                    sweep.add("vxorp\(s) \(x),\(first),\(second)") { $0.vlogic(.xor, fw, a, b, c) }
                    sweep.add("vucomis\(s) \(x),\(y)") { $0.vucomis(fw, a, b) }
                    sweep.add("vcmplts\(s) \(x),\(y),\(z)") { $0.vcmps(fw, a, b, c, predicate: 1) }
                    sweep.add("vrounds\(s) \(x),\(y),\(z),0xb") { $0.vrounds(fw, a, b, c, mode: 11) }
                    sweep.add("vblendvp\(s) \(x),\(y),\(z),\(x)") { $0.vblendv(fw, a, b, c, mask: a) }
                    for w in wide {
                        sweep.add("vcvtsi2s\(s) \(x),\(y),\(name(w, c))") { $0.vcvtsi2s(fw, w, a, b, c) }
                        sweep.add("vcvtts\(s)2si \(name(w, a)),\(y)") { $0.vcvtts2si(fw, w, a, b) }
                    }
                }
                for memory in fewMemories {
                    let (x, m) = (xmm(a), text(size, memory))
                    sweep.add("vmovs\(s) \(x),\(m)") { $0.vmovs(fw, a, memory) }
                    sweep.add("vmovs\(s) \(m),\(x)") { $0.vmovs(fw, memory, a) }
                    sweep.add("vdivs\(s) \(x),xmm10,\(m)") { $0.vscalar(.div, fw, a, 10, memory) }
                    sweep.add("vucomis\(s) \(x),\(m)") { $0.vucomis(fw, a, memory) }
                    sweep.add("vandp\(s) \(x),xmm10,XMMWORD PTR \(address(memory))") {
                        $0.vlogic(.and, fw, a, 10, memory)
                    }
                    for w in wide { sweep.add("vcvtts\(s)2si \(name(w, a)),\(m)") { $0.vcvtts2si(fw, w, a, memory) } }
                }
            }
        }
        for a in registers {
            for b in registers {
                let c = a ^ b ^ 6
                sweep.add("vcvtss2sd \(xmm(a)),\(xmm(b)),\(xmm(c))") { $0.vcvtss2sd(a, b, c) }
                sweep.add("vcvtsd2ss \(xmm(a)),\(xmm(b)),\(xmm(c))") { $0.vcvtsd2ss(a, b, c) }
                sweep.add("vmovaps \(xmm(a)),\(xmm(b))") { $0.vmovaps(a, b) }
                sweep.add("vmovd \(xmm(a)),\(name(.w32, b))") { $0.vmovToXMM(.w32, a, b) }
                sweep.add("vmovq \(xmm(a)),\(name(.w64, b))") { $0.vmovToXMM(.w64, a, b) }
                sweep.add("vmovd \(name(.w32, a)),\(xmm(b))") { $0.vmovFromXMM(.w32, a, b) }
                sweep.add("vmovq \(name(.w64, a)),\(xmm(b))") { $0.vmovFromXMM(.w64, a, b) }
            }
            for memory in fewMemories {
                let (x, m) = (xmm(a), "XMMWORD PTR " + address(memory))
                sweep.add("vmovups \(x),\(m)") { $0.vmovups(a, memory) }
                sweep.add("vmovups \(m),\(x)") { $0.vmovups(memory, a) }
                sweep.add("vmovaps \(x),\(m)") { $0.vmovaps(a, memory) }
                sweep.add("vmovaps \(m),\(x)") { $0.vmovaps(memory, a) }
            }
        }
        try sweep.check()
    }

    @Test("Packed operations")
    func packed() throws {
        var sweep = AssemblerSweep()
        for a in registers {
            for b in registers {
                let c = a ^ b ^ 6
                let (x, y, z) = (xmm(a), xmm(b), xmm(c))
                for op in VPacked.allCases {
                    // In map 0F, sources that may change places do so for a shorter prefix.
                    let exchanges = c >= 8 && b < 8 && op.isCommutative && op.rawValue & 0xF00 < 0x800
                    sweep.add("v\(op) \(x),\(exchanges ? "\(z),\(y)" : "\(y),\(z)")") { $0.vpacked(op, a, b, c) }
                }
                for op in VPackedUnary.allCases { sweep.add("v\(op) \(x),\(y)") { $0.vpacked(op, a, b) } }
                for op in VFusedMultiplyAdd.allCases {
                    sweep.add("v\(op)ps \(x),\(y),\(z)") { $0.vfma(op, .f32, a, b, c) }
                    sweep.add("v\(op)pd \(x),\(y),\(z)") { $0.vfma(op, .f64, a, b, c) }
                }
                sweep.add("vptest \(x),\(y)") { $0.vptest(a, b) }
            }
            for memory in fewMemories {
                let (x, m) = (xmm(a), "XMMWORD PTR " + address(memory))
                for op in VPacked.allCases where op != .movlhps && op != .movhlps {
                    sweep.add("v\(op) \(x),xmm10,\(m)") { $0.vpacked(op, a, 10, memory) }
                }
                for op in VPackedUnary.allCases {
                    sweep.add("v\(op) \(x),\(size(op)) PTR \(address(memory))") { $0.vpacked(op, a, memory) }
                }
                for op in VFusedMultiplyAdd.allCases {
                    sweep.add("v\(op)ps \(x),xmm10,\(m)") { $0.vfma(op, .f32, a, 10, memory) }
                    sweep.add("v\(op)pd \(x),xmm10,\(m)") { $0.vfma(op, .f64, a, 10, memory) }
                }
                sweep.add("vptest \(x),\(m)") { $0.vptest(a, memory) }
            }
        }
        try sweep.check()
    }

    /// How much the operation reads from memory.
    private func size(_ op: VPackedUnary) -> String {
        switch op {
        case .pbroadcastb: "BYTE"
        case .pmovsxbq, .pmovzxbq, .pbroadcastw: "WORD"
        case .pmovsxbd, .pmovzxbd, .pmovsxwq, .pmovzxwq, .pbroadcastd, .broadcastss: "DWORD"
        case .pmovsxbw, .pmovzxbw, .pmovsxwd, .pmovzxwd, .pmovsxdq, .pmovzxdq, .pbroadcastq, .movddup: "QWORD"
        case .cvtdq2pd, .cvtps2pd: "QWORD"
        default: "XMMWORD"
        }
    }

    @Test("Packed operations with an immediate")
    func packedImmediate() throws {
        var sweep = AssemblerSweep()
        let withoutComparison = VPackedImmediate.allCases.filter { $0 != .cmpps && $0 != .cmppd }
        for a in registers {
            for b in registers {
                let c = a ^ b ^ 6
                let (x, y, z) = (xmm(a), xmm(b), xmm(c))
                for op in VShiftImmediate.allCases {
                    sweep.add("v\(op) \(x),\(y),0x9") { $0.vshift(op, a, b, count: 9) }
                }
                for op in withoutComparison {
                    sweep.add("v\(op) \(x),\(y),\(z),0x9") { $0.vpacked(op, a, b, c, imm: 9) }
                }
                sweep.add("vcmpltps \(x),\(y),\(z)") { $0.vpacked(.cmpps, a, b, c, imm: 1) }
                sweep.add("vcmpltpd \(x),\(y),\(z)") { $0.vpacked(.cmppd, a, b, c, imm: 1) }
                for op in VPackedUnaryImmediate.allCases {
                    sweep.add("v\(op) \(x),\(y),0x9") { $0.vpacked(op, a, b, imm: 9) }
                }
                sweep.add("vpblendvb \(x),\(y),\(z),\(x)") { $0.vpblendvb(a, b, c, mask: a) }
            }
            for memory in fewMemories {
                let (x, m) = (xmm(a), "XMMWORD PTR " + address(memory))
                for op in withoutComparison {
                    let m = op == .insertps ? text(.w32, memory) : m
                    sweep.add("v\(op) \(x),xmm10,\(m),0x9") { $0.vpacked(op, a, 10, memory, imm: 9) }
                }
                sweep.add("vcmpltps \(x),xmm10,\(m)") { $0.vpacked(.cmpps, a, 10, memory, imm: 1) }
                sweep.add("vcmpltpd \(x),xmm10,\(m)") { $0.vpacked(.cmppd, a, 10, memory, imm: 1) }
                for op in VPackedUnaryImmediate.allCases {
                    sweep.add("v\(op) \(x),\(m),0x9") { $0.vpacked(op, a, memory, imm: 9) }
                }
                sweep.add("vpblendvb \(x),xmm10,\(m),\(x)") { $0.vpblendvb(a, 10, memory, mask: a) }
            }
        }
        try sweep.check()
    }

    @Test("Packed moves")
    func packedMoves() throws {
        var sweep = AssemblerSweep()
        for a in registers {
            for b in registers {
                let c = a ^ b ^ 6
                let (x, y, z) = (xmm(a), xmm(b), xmm(c))
                sweep.add("vmovdqa \(x),\(y)") { $0.vmovdqa(a, b) }
                sweep.add("vmovq \(x),\(y)") { $0.vmovq(a, b) }
                sweep.add("vmovss \(x),\(y),\(z)") { $0.vmovs(.f32, a, b, c) }
                sweep.add("vmovsd \(x),\(y),\(z)") { $0.vmovs(.f64, a, b, c) }
                for w in all {
                    // What is narrower than 32 bits is named by its full register.
                    let full = w == .w64 ? Width.w64 : .w32
                    let suffix = ["b", "w", "d", "q"][Int(w.rawValue)]
                    sweep.add("vpinsr\(suffix) \(x),\(y),\(name(full, c)),0x1") { $0.vpinsr(w, a, b, c, lane: 1) }
                    sweep.add("vpextr\(suffix) \(name(full, a)),\(y),0x1") { $0.vpextr(w, a, b, lane: 1) }
                }
                sweep.add("vpmovmskb \(name(.w32, a)),\(y)") { $0.vpmovmskb(a, b) }
                sweep.add("vmovmskps \(name(.w32, a)),\(y)") { $0.vmovmskp(.f32, a, b) }
                sweep.add("vmovmskpd \(name(.w32, a)),\(y)") { $0.vmovmskp(.f64, a, b) }
            }
            for memory in fewMemories {
                let (x, m, half) = (xmm(a), "XMMWORD PTR " + address(memory), text(.w64, memory))
                sweep.add("vmovdqu \(x),\(m)") { $0.vmovdqu(a, memory) }
                sweep.add("vmovdqu \(m),\(x)") { $0.vmovdqu(memory, a) }
                sweep.add("vmovlps \(x),xmm10,\(half)") { $0.vmovlps(a, 10, memory) }
                sweep.add("vmovhps \(x),xmm10,\(half)") { $0.vmovhps(a, 10, memory) }
                sweep.add("vmovlps \(half),\(x)") { $0.vmovlps(memory, a) }
                sweep.add("vmovhps \(half),\(x)") { $0.vmovhps(memory, a) }
                for w in wide {
                    let mnemonic = w == .w64 ? "vmovq" : "vmovd"
                    sweep.add("\(mnemonic) \(x),\(text(w, memory))") { $0.vmovToXMM(w, a, memory) }
                    sweep.add("\(mnemonic) \(text(w, memory)),\(x)") { $0.vmovFromXMM(w, memory, a) }
                }
                for w in all {
                    let (suffix, lane) = (["b", "w", "d", "q"][Int(w.rawValue)], text(w, memory))
                    sweep.add("vpinsr\(suffix) \(x),xmm10,\(lane),0x1") { $0.vpinsr(w, a, 10, memory, lane: 1) }
                    sweep.add("vpextr\(suffix) \(lane),\(x),0x1") { $0.vpextr(w, memory, a, lane: 1) }
                }
            }
        }
        try sweep.check()
    }
}
