//! The parts of WebAssembly that are recognised in order to be refused by name. A feature that becomes supported
//! loses its case here and gains cases in the decoder and the validator.

/// A feature that is not supported, and how to build a module without it.
enum UnsupportedFeature {
    case threads
    case garbageCollection
    case typedFunctionReferences
    case exceptions
    case wideArithmetic

    var message: String {
        switch self {
        case .threads: "threads are not supported: compile without shared memories and atomics (-mno-atomics)"
        case .garbageCollection: "garbage-collected types are not supported: compile for the linear-memory target"
        case .typedFunctionReferences:
            "typed function references are not supported: use funcref and call_indirect"
        case .exceptions: "exception handling is not supported: compile without it (-fno-exceptions)"
        case .wideArithmetic: "wide arithmetic is not supported: compile without it (-mno-wide-arithmetic)"
        }
    }

    /// The feature a type byte that is no supported value type belongs to.
    init?(typeByte: UInt8) {
        switch typeByte {
        case 0x63, 0x64: self = .typedFunctionReferences
        case 0x69, 0x74: self = .exceptions
        case 0x6A...0x6E, 0x71...0x73: self = .garbageCollection
        default: return nil
        }
    }

    /// The feature an opcode that is not in `Opcode` belongs to.
    init?(opcode: UInt8) {
        switch opcode {
        case 0x06...0x0A, 0x18, 0x19, 0x1F: self = .exceptions
        case 0x14, 0x15, 0xD4, 0xD5, 0xD6: self = .typedFunctionReferences
        case 0xD3, 0xFB: self = .garbageCollection
        case 0xFE: self = .threads
        default: return nil
        }
    }

    /// The feature an opcode behind `0xFC` that is not in `PrefixedOpcodeFC` belongs to.
    init?(opcodeFC: UInt32) {
        switch opcodeFC {
        case 19...22: self = .wideArithmetic
        default: return nil
        }
    }
}
