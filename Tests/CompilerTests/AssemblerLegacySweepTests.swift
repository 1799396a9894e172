//! Vector instructions in the legacy encoding with every register, against a disassembler: one instruction where the
//! destination is the first source, moves before it where it is not.

import Testing

@testable import Compiler

@Suite(
    "Assembler against objdump: without VEX",
    .enabled(if: Disassembly.isAvailable, "needs objdump"))
struct AssemblerLegacySweepTests: AssemblerSweeps {
    /// What three operands become; nil if that is not allowed.
    private func tied(
        _ mnemonic: String, _ a: UInt8, _ b: UInt8, _ c: UInt8, commutes: Bool = false, _ rest: String = ""
    ) -> String? {
        let (x, y, z) = (xmm(a), xmm(b), xmm(c))
        if a == b { return "\(mnemonic) \(x),\(z)\(rest)" }
        if a != c { return "movaps \(x),\(y); \(mnemonic) \(x),\(z)\(rest)" }
        if commutes { return "\(mnemonic) \(x),\(y)\(rest)" }
        // The scratch register can be neither.
        if a == 15 || b == 15 { return nil }
        return "movaps xmm15,\(z); movaps \(x),\(y); \(mnemonic) \(x),xmm15\(rest)"
    }

    /// With memory or an integer register as the last operand.
    private func tied(_ mnemonic: String, _ a: UInt8, _ b: UInt8, _ last: String) -> String {
        (a == b ? "" : "movaps \(xmm(a)),\(xmm(b)); ") + "\(mnemonic) \(xmm(a)),\(last)"
    }

    /// All destinations and first sources, each with a second source, among them both others.
    private func forEachTriple(_ body: (UInt8, UInt8, UInt8) -> Void) {
        for a in registers {
            for b in registers {
                body(a, b, a ^ b ^ 6)
                body(a, a, b)
            }
        }
    }

    @Test("Floating point")
    func floats() throws {
        var sweep = AssemblerSweep(usesVEX: false)
        let operations: [(VScalar, String)] = [
            (.sqrt, "sqrt"), (.add, "add"), (.mul, "mul"), (.sub, "sub"), (.min, "min"), (.div, "div"), (.max, "max"),
        ]
        let logic: [(VLogic, String)] = [(.and, "and"), (.andNot, "andn"), (.or, "or"), (.xor, "xor")]
        for fw in [FloatWidth.f32, .f64] {
            let s = fw == .f32 ? "s" : "d"
            let size: Width = fw == .f32 ? .w32 : .w64
            for a in registers {
                for b in registers {
                    for c in [a ^ b ^ 6, b] {
                        for (operation, mnemonic) in operations {
                            guard let text = tied("\(mnemonic)s\(s)", a, b, c) else { continue }
                            sweep.add(text) { $0.vscalar(operation, fw, a, b, c) }
                        }
                        for (operation, mnemonic) in logic {
                            let commutes = operation != .andNot
                            let exchanges = commutes && c >= 8 && b < 8
                            let (first, second) = exchanges ? (c, b) : (b, c)
                            guard let text = tied("\(mnemonic)p\(s)", a, first, second, commutes: commutes) else {
                                continue
                            }
                            sweep.add(text) { $0.vlogic(operation, fw, a, b, c) }
                        }
                        if let text = tied("cmplts\(s)", a, b, c) {
                            sweep.add(text) { $0.vcmps(fw, a, b, c, predicate: 1) }
                        }
                        if let text = tied("rounds\(s)", a, b, c, ",0xb") {
                            sweep.add(text) { $0.vrounds(fw, a, b, c, mode: 11) }
                        }
                        if let text = tied("movs\(s)", a, b, c) { sweep.add(text) { $0.vmovs(fw, a, b, c) } }
                        let conversion = fw == .f32 ? "cvtss2sd" : "cvtsd2ss"
                        if let text = tied(conversion, a, b, c) {
                            sweep.add(text) { fw == .f32 ? $0.vcvtss2sd(a, b, c) : $0.vcvtsd2ss(a, b, c) }
                        }
                        for w in wide {
                            sweep.add(tied("cvtsi2s\(s)", a, b, name(w, c))) { $0.vcvtsi2s(fw, w, a, b, c) }
                        }
                    }
                    sweep.add("ucomis\(s) \(xmm(a)),\(xmm(b))") { $0.vucomis(fw, a, b) }
                    for w in wide {
                        sweep.add("cvtts\(s)2si \(name(w, a)),\(xmm(b))") { $0.vcvtts2si(fw, w, a, b) }
                    }
                }
                for memory in fewMemories {
                    let (x, m) = (xmm(a), text(size, memory))
                    sweep.add("movs\(s) \(x),\(m)") { $0.vmovs(fw, a, memory) }
                    sweep.add("movs\(s) \(m),\(x)") { $0.vmovs(fw, memory, a) }
                    sweep.add("ucomis\(s) \(x),\(m)") { $0.vucomis(fw, a, memory) }
                    for b in [a, 10] {
                        sweep.add(tied("divs\(s)", a, b, m)) { $0.vscalar(.div, fw, a, b, memory) }
                        sweep.add(tied("rounds\(s)", a, b, m + ",0x9")) { $0.vrounds(fw, a, b, memory, mode: 9) }
                    }
                    for w in wide {
                        sweep.add("cvtts\(s)2si \(name(w, a)),\(m)") { $0.vcvtts2si(fw, w, a, memory) }
                        sweep.add(tied("cvtsi2s\(s)", a, a, text(w, memory))) { $0.vcvtsi2s(fw, w, a, a, memory) }
                    }
                }
            }
        }
        try sweep.check()
    }

    @Test("Packed operations")
    func packed() throws {
        var sweep = AssemblerSweep(usesVEX: false)
        forEachTriple { a, b, c in
            for op in VPacked.allCases where op.isLegacy {
                let exchanges = c >= 8 && b < 8 && op.isCommutative && op.rawValue & 0xF00 < 0x800
                let (first, second) = exchanges ? (c, b) : (b, c)
                guard let text = tied("\(op)", a, first, second, commutes: op.isCommutative) else { continue }
                sweep.add(text) { $0.vpacked(op, a, b, c) }
            }
            for op in VPackedImmediate.allCases where op.isLegacy(9) {
                guard let text = tied("\(op)", a, b, c, ",0x9") else { continue }
                sweep.add(text) { $0.vpacked(op, a, b, c, imm: 9) }
            }
            for (op, suffix) in [(VPackedImmediate.cmpps, "ps"), (.cmppd, "pd")] {
                guard let text = tied("cmplt\(suffix)", a, b, c) else { continue }
                sweep.add(text) { $0.vpacked(op, a, b, c, imm: 1) }
            }
        }
        for a in registers {
            for b in registers {
                let (x, y) = (xmm(a), xmm(b))
                for op in VPackedUnary.allCases where op.isLegacy {
                    sweep.add("\(op) \(x),\(y)") { $0.vpacked(op, a, b) }
                }
                for op in VPackedUnaryImmediate.allCases {
                    sweep.add("\(op) \(x),\(y),0x9") { $0.vpacked(op, a, b, imm: 9) }
                }
                for op in VShiftImmediate.allCases {
                    sweep.add((a == b ? "" : "movaps \(x),\(y); ") + "\(op) \(x),0x9") {
                        $0.vshift(op, a, b, count: 9)
                    }
                }
                sweep.add("ptest \(x),\(y)") { $0.vptest(a, b) }
            }
            // What reads all 16 bytes reads constants only.
            for memory in fewMemories {
                for op in VPackedUnary.allCases where op.isLegacy && !op.readsVector {
                    let size: Width =
                        switch op {
                        case .pmovsxbq, .pmovzxbq: .w16
                        case .pmovsxbd, .pmovzxbd, .pmovsxwq, .pmovzxwq: .w32
                        default: .w64
                        }
                    sweep.add("\(op) \(xmm(a)),\(text(size, memory))") { $0.vpacked(op, a, memory) }
                }
                sweep.add("insertps \(xmm(a)),\(text(.w32, memory)),0x9") {
                    $0.vpacked(.insertps, a, a, memory, imm: 9)
                }
            }
        }
        try sweep.check()
    }

    @Test("Moves")
    func moves() throws {
        var sweep = AssemblerSweep(usesVEX: false)
        for a in registers {
            for b in registers {
                let (x, y) = (xmm(a), xmm(b))
                sweep.add("movaps \(x),\(y)") { $0.vmovaps(a, b) }
                sweep.add("movdqa \(x),\(y)") { $0.vmovdqa(a, b) }
                sweep.add("movq \(x),\(y)") { $0.vmovq(a, b) }
                sweep.add("movd \(x),\(name(.w32, b))") { $0.vmovToXMM(.w32, a, b) }
                sweep.add("movq \(x),\(name(.w64, b))") { $0.vmovToXMM(.w64, a, b) }
                sweep.add("movd \(name(.w32, a)),\(y)") { $0.vmovFromXMM(.w32, a, b) }
                sweep.add("movq \(name(.w64, a)),\(y)") { $0.vmovFromXMM(.w64, a, b) }
                sweep.add("pmovmskb \(name(.w32, a)),\(y)") { $0.vpmovmskb(a, b) }
                sweep.add("movmskps \(name(.w32, a)),\(y)") { $0.vmovmskp(.f32, a, b) }
                sweep.add("movmskpd \(name(.w32, a)),\(y)") { $0.vmovmskp(.f64, a, b) }
                for w in all {
                    let full = w == .w64 ? Width.w64 : .w32
                    let suffix = ["b", "w", "d", "q"][Int(w.rawValue)]
                    let c = a ^ b ^ 6
                    sweep.add(tied("pinsr\(suffix)", a, b, "\(name(full, c)),0x1")) { $0.vpinsr(w, a, b, c, lane: 1) }
                    sweep.add("pextr\(suffix) \(name(full, a)),\(y),0x1") { $0.vpextr(w, a, b, lane: 1) }
                }
            }
            for memory in fewMemories {
                let (x, m, half) = (xmm(a), "XMMWORD PTR " + address(memory), text(.w64, memory))
                sweep.add("movups \(x),\(m)") { $0.vmovups(a, memory) }
                sweep.add("movups \(m),\(x)") { $0.vmovups(memory, a) }
                sweep.add("movdqu \(x),\(m)") { $0.vmovdqu(a, memory) }
                sweep.add("movdqu \(m),\(x)") { $0.vmovdqu(memory, a) }
                sweep.add("movlps \(half),\(x)") { $0.vmovlps(memory, a) }
                sweep.add("movhps \(half),\(x)") { $0.vmovhps(memory, a) }
                for b in [a, 10] {
                    sweep.add(tied("movlps", a, b, half)) { $0.vmovlps(a, b, memory) }
                    sweep.add(tied("movhps", a, b, half)) { $0.vmovhps(a, b, memory) }
                }
                for w in wide {
                    let mnemonic = w == .w64 ? "movq" : "movd"
                    sweep.add("\(mnemonic) \(x),\(text(w, memory))") { $0.vmovToXMM(w, a, memory) }
                    sweep.add("\(mnemonic) \(text(w, memory)),\(x)") { $0.vmovFromXMM(w, memory, a) }
                }
                for w in all {
                    let (suffix, lane) = (["b", "w", "d", "q"][Int(w.rawValue)], text(w, memory))
                    sweep.add("pinsr\(suffix) \(x),\(lane),0x1") { $0.vpinsr(w, a, a, memory, lane: 1) }
                    sweep.add("pextr\(suffix) \(lane),\(x),0x1") { $0.vpextr(w, memory, a, lane: 1) }
                }
            }
        }
        for memory in memories {
            sweep.add("movss xmm10,\(text(.w32, memory))") { $0.vmovs(.f32, 10, memory) }
            sweep.add("pmovsxbw xmm2,\(text(.w64, memory))") { $0.vpacked(.pmovsxbw, 2, memory) }
        }
        try sweep.check()
    }

    @Test("Bits of integers")
    func bits() throws {
        var sweep = AssemblerSweep(usesVEX: false)
        for w in notByte {
            for a in registers {
                for b in registers {
                    sweep.add("bsr \(name(w, a)),\(name(w, b))") { $0.bsr(w, a, b) }
                    sweep.add("bsf \(name(w, a)),\(name(w, b))") { $0.bsf(w, a, b) }
                }
                for memory in fewMemories {
                    sweep.add("bsr \(name(w, a)),\(text(w, memory))") { $0.bsr(w, a, memory) }
                    sweep.add("bsf \(name(w, a)),\(text(w, memory))") { $0.bsf(w, a, memory) }
                }
            }
        }
        try sweep.check()
    }
}
