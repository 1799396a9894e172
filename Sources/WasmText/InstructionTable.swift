//! All instructions of WebAssembly 3.0: name, opcode, and what follows them.
//!
//! Read once from a list in which opcodes that follow each other stand in one line. Looked up by name through a hash table of
//! bytes, so that a parser makes no string of a word.

/// What follows an opcode.
enum Immediates: String {
    case none, block, `else`, end, tryTable
    case label, labels, function, indirect, local, global, tag, data, element
    /// One table or two; a table and an element segment.
    case table, tables, tableElement
    /// One memory or two; a memory and a data segment.
    case memory, memories, memoryData
    /// Alignment, offset and memory, up to 1, 2, 4, 8 or 16 bytes.
    case m0, m1, m2, m3, m4
    /// The same, and a lane.
    case l0, l1, l2, l3
    case i32, i64, f32, f64, v128
    /// The index of a lane, with so many lanes.
    case lane2, lane4, lane8, lane16
    case shuffle, select, heap
    case type, types, typeField, typeData, typeElement, typeCount
    /// A reference type; nullable ones have the next opcode.
    case reference
    case castBranch
}

struct Instruction: Sendable {
    var name: String
    /// 0 or FB, FC, FD.
    var prefix: UInt8
    var opcode: UInt32
    var immediates: Immediates
}

struct InstructionTable: Sendable {
    static let shared = InstructionTable()

    private(set) var instructions: [Instruction] = []
    /// By the hash of the name: the instruction's index plus one.
    private var slots = [UInt16](repeating: 0, count: 2048)
    private var names: [[UInt8]] = []

    /// The instruction of that name.
    func find(_ name: ArraySlice<UInt8>) -> Instruction? {
        var slot = Self.hash(name)
        while true {
            let entry = slots[slot]
            guard entry != 0 else { return nil }
            if names[Int(entry) - 1].elementsEqual(name) { return instructions[Int(entry) - 1] }
            slot = (slot + 1) & 2047
        }
    }

    private static func hash(_ name: ArraySlice<UInt8>) -> Int {
        var hash: UInt32 = 2_166_136_261
        for byte in name { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return Int((hash ^ hash >> 15) & 2047)
    }

    private init() {
        for line in Self.list.split(separator: "\n") {
            let words = line.split(separator: " ")
            let prefix = UInt8(words[0], radix: 16)!
            var opcode = UInt32(words[1], radix: 16)!
            let immediates = Immediates(rawValue: String(words[2]))!
            // A word with a point at its end begins the names after it.
            var beginning = ""
            for word in words[3...] {
                if word.hasSuffix(".") {
                    beginning = String(word)
                    continue
                }
                if word != "_" { add(Instruction(beginning + word, prefix, opcode, immediates)) }
                opcode += 1
            }
        }
    }

    private mutating func add(_ instruction: Instruction) {
        let name = Array(instruction.name.utf8)
        instructions.append(instruction)
        names.append(name)
        var slot = Self.hash(name[...])
        while slots[slot] != 0 { slot = (slot + 1) & 2047 }
        slots[slot] = UInt16(instructions.count)
    }

    /// Prefix, first opcode (both hexadecimal), immediates, names; `_` leaves an opcode out.
    private static let list = """
        0 0 none unreachable nop
        0 2 block block loop if
        0 5 else else
        0 8 tag throw
        0 A none throw_ref
        0 B end end
        0 C label br br_if
        0 E labels br_table
        0 F none return
        0 10 function call
        0 11 indirect call_indirect
        0 12 function return_call
        0 13 indirect return_call_indirect
        0 14 type call_ref return_call_ref
        0 1A none drop
        0 1B select select
        0 1F tryTable try_table
        0 20 local local. get set tee
        0 23 global global. get set
        0 25 table table. get set
        0 28 m2 i32.load
        0 29 m3 i64.load
        0 2A m2 f32.load
        0 2B m3 f64.load
        0 2C m0 i32. load8_s load8_u
        0 2E m1 i32. load16_s load16_u
        0 30 m0 i64. load8_s load8_u
        0 32 m1 i64. load16_s load16_u
        0 34 m2 i64. load32_s load32_u
        0 36 m2 i32.store
        0 37 m3 i64.store
        0 38 m2 f32.store
        0 39 m3 f64.store
        0 3A m0 i32.store8
        0 3B m1 i32.store16
        0 3C m0 i64.store8
        0 3D m1 i64.store16
        0 3E m2 i64.store32
        0 3F memory memory. size grow
        0 41 i32 i32.const
        0 42 i64 i64.const
        0 43 f32 f32.const
        0 44 f64 f64.const
        0 45 none i32. eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u
        0 50 none i64. eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u
        0 5B none f32. eq ne lt gt le ge
        0 61 none f64. eq ne lt gt le ge
        0 67 none i32. clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr
        0 79 none i64. clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr
        0 8B none f32. abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign
        0 99 none f64. abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign
        0 A7 none i32. wrap_i64 trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u
        0 AC none i64. extend_i32_s extend_i32_u trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u
        0 B2 none f32. convert_i32_s convert_i32_u convert_i64_s convert_i64_u demote_f64
        0 B7 none f64. convert_i32_s convert_i32_u convert_i64_s convert_i64_u promote_f32
        0 BC none i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64
        0 C0 none i32. extend8_s extend16_s i64. extend8_s extend16_s extend32_s
        0 D0 heap ref.null
        0 D1 none ref.is_null
        0 D2 function ref.func
        0 D3 none ref.eq ref.as_non_null
        0 D5 label br_on_null br_on_non_null
        FB 0 type struct. new new_default
        FB 2 typeField struct. get get_s get_u set
        FB 6 type array. new new_default
        FB 8 typeCount array.new_fixed
        FB 9 typeData array.new_data
        FB A typeElement array.new_elem
        FB B type array. get get_s get_u set
        FB F none array.len
        FB 10 type array.fill
        FB 11 types array.copy
        FB 12 typeData array.init_data
        FB 13 typeElement array.init_elem
        FB 14 reference ref.test
        FB 16 reference ref.cast
        FB 18 castBranch br_on_cast br_on_cast_fail
        FB 1A none any.convert_extern extern.convert_any ref.i31 i31.get_s i31.get_u
        FC 0 none i32. trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u
        FC 4 none i64. trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u
        FC 8 memoryData memory.init
        FC 9 data data.drop
        FC A memories memory.copy
        FC B memory memory.fill
        FC C tableElement table.init
        FC D element elem.drop
        FC E tables table.copy
        FC F table table. grow size fill
        FD 0 m4 v128.load
        FD 1 m3 v128. load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u
        FD 7 m0 v128.load8_splat
        FD 8 m1 v128.load16_splat
        FD 9 m2 v128.load32_splat
        FD A m3 v128.load64_splat
        FD B m4 v128.store
        FD C v128 v128.const
        FD D shuffle i8x16.shuffle
        FD E none i8x16.swizzle i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat
        FD 15 lane16 i8x16. extract_lane_s extract_lane_u replace_lane
        FD 18 lane8 i16x8. extract_lane_s extract_lane_u replace_lane
        FD 1B lane4 i32x4. extract_lane replace_lane
        FD 1D lane2 i64x2. extract_lane replace_lane
        FD 1F lane4 f32x4. extract_lane replace_lane
        FD 21 lane2 f64x2. extract_lane replace_lane
        FD 23 none i8x16. eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u
        FD 2D none i16x8. eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u
        FD 37 none i32x4. eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u
        FD 41 none f32x4. eq ne lt gt le ge f64x2. eq ne lt gt le ge
        FD 4D none v128. not and andnot or xor bitselect any_true
        FD 54 l0 v128.load8_lane
        FD 55 l1 v128.load16_lane
        FD 56 l2 v128.load32_lane
        FD 57 l3 v128.load64_lane
        FD 58 l0 v128.store8_lane
        FD 59 l1 v128.store16_lane
        FD 5A l2 v128.store32_lane
        FD 5B l3 v128.store64_lane
        FD 5C m2 v128.load32_zero
        FD 5D m3 v128.load64_zero
        FD 5E none f32x4.demote_f64x2_zero f64x2.promote_low_f32x4
        FD 60 none i8x16. abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u
        FD 67 none f32x4. ceil floor trunc nearest
        FD 6B none i8x16. shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u
        FD 74 none f64x2. ceil floor i8x16. min_s min_u max_s max_u f64x2. trunc i8x16. avgr_u
        FD 7C none i16x8. extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u
        FD 7E none i32x4. extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u
        FD 80 none i16x8. abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u
        FD 87 none i16x8. extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u
        FD 8B none i16x8. shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u
        FD 94 none f64x2. nearest i16x8. mul min_s min_u max_s max_u _ avgr_u
        FD 9C none i16x8. extmul_low_i8x16_s extmul_high_i8x16_s extmul_low_i8x16_u extmul_high_i8x16_u
        FD A0 none i32x4. abs neg _ all_true bitmask _ _
        FD A7 none i32x4. extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u
        FD AB none i32x4. shl shr_s shr_u add _ _ sub _ _ _ mul min_s min_u max_s max_u dot_i16x8_s
        FD BC none i32x4. extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u
        FD C0 none i64x2. abs neg _ all_true bitmask _ _
        FD C7 none i64x2. extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u
        FD CB none i64x2. shl shr_s shr_u add _ _ sub _ _ _ mul eq ne lt_s gt_s le_s ge_s
        FD DC none i64x2. extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u
        FD E0 none f32x4. abs neg _ sqrt add sub mul div min max pmin pmax
        FD EC none f64x2. abs neg _ sqrt add sub mul div min max pmin pmax
        FD F8 none i32x4. trunc_sat_f32x4_s trunc_sat_f32x4_u f32x4. convert_i32x4_s convert_i32x4_u
        FD FC none i32x4. trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero f64x2. convert_low_i32x4_s convert_low_i32x4_u
        FD 100 none i8x16.relaxed_swizzle i32x4. relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u
        FD 103 none i32x4. relaxed_trunc_f64x2_s_zero relaxed_trunc_f64x2_u_zero
        FD 105 none f32x4. relaxed_madd relaxed_nmadd f64x2. relaxed_madd relaxed_nmadd
        FD 109 none i8x16. relaxed_laneselect i16x8. relaxed_laneselect i32x4. relaxed_laneselect
        FD 10C none i64x2. relaxed_laneselect f32x4. relaxed_min relaxed_max f64x2. relaxed_min relaxed_max
        FD 111 none i16x8. relaxed_q15mulr_s relaxed_dot_i8x16_i7x16_s
        FD 113 none i32x4.relaxed_dot_i8x16_i7x16_add_s
        """
}

extension Instruction {
    fileprivate init(_ name: String, _ prefix: UInt8, _ opcode: UInt32, _ immediates: Immediates) {
        self.name = name
        self.prefix = prefix
        self.opcode = opcode
        self.immediates = immediates
    }
}
