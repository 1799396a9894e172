//! Operands of the assembler: widths, conditions, labels and memory operands.
//!
//! Registers are plain hardware numbers 0–15 of the class that the instruction expects. Raw values here are the
//! encodings of the instruction set (Intel SDM, volume 2), so that emission is arithmetic and not tables.

/// Operand size of an integer instruction.
enum Width: UInt8 {
    case w8, w16, w32, w64

    @inline(__always) var bytes: Int32 { 1 &<< Int32(rawValue) }
}

/// Condition codes of `jcc`, `setcc` and `cmovcc`.
enum Condition: UInt8 {
    case overflow = 0, notOverflow
    case below, aboveOrEqual
    case equal, notEqual
    case belowOrEqual, above
    case sign, notSign
    case parity, notParity
    case less, greaterOrEqual
    case lessOrEqual, greater

    @inline(__always) var negated: Condition { Condition(rawValue: rawValue ^ 1).unsafelyUnwrapped }

    /// The condition that holds after `cmp b, a` when this one holds after `cmp a, b`.
    var swapped: Condition {
        switch self {
        case .below: .above
        case .above: .below
        case .aboveOrEqual: .belowOrEqual
        case .belowOrEqual: .aboveOrEqual
        case .less: .greater
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        case .lessOrEqual: .greaterOrEqual
        case .equal, .notEqual, .overflow, .notOverflow, .sign, .notSign, .parity, .notParity: self
        }
    }
}

/// A place in the code, known or to come. Valid until the assembler is reset.
struct Label: BitwiseCopyable, Equatable {
    var id: UInt32
}

/// `[base + index << scale + displacement]`, or a label relative to the instruction pointer.
struct Memory: BitwiseCopyable {
    static let none: UInt8 = 0xFF

    var base: UInt8
    var index: UInt8
    /// Binary logarithm of the factor of `index`, 0–3.
    var scale: UInt8
    var isLabel: Bool
    var displacement: Int32
    private var labelID: UInt32

    var label: Label { Label(id: labelID) }

    @inline(__always)
    private init(base: UInt8, index: UInt8, scale: UInt8, displacement: Int32) {
        self.base = base
        self.index = index
        self.scale = scale
        self.displacement = displacement
        isLabel = false
        labelID = 0
    }

    @inline(__always)
    static func base(_ base: UInt8, _ displacement: Int32 = 0) -> Memory {
        assert(base < 16)
        return Memory(base: base, index: none, scale: 0, displacement: displacement)
    }

    /// The index may be any register but rsp.
    @inline(__always)
    static func indexed(_ base: UInt8, _ index: UInt8, scale: UInt8 = 0, _ displacement: Int32 = 0) -> Memory {
        assert(base < 16 && index < 16 && index != 4 && scale < 4)
        return Memory(base: base, index: index, scale: scale, displacement: displacement)
    }

    /// `[index << scale + disp]`; the index may be any register but rsp.
    @inline(__always)
    static func scaled(index: UInt8, scale: UInt8, disp: Int32 = 0) -> Memory {
        assert(index < 16 && index != 4 && scale < 4)
        return Memory(base: none, index: index, scale: scale, displacement: disp)
    }

    /// `addend` bytes after the label.
    @inline(__always)
    static func label(_ label: Label, _ addend: Int32 = 0) -> Memory {
        var memory = Memory(base: none, index: none, scale: 0, displacement: addend)
        memory.isLabel = true
        memory.labelID = label.id
        return memory
    }
}
