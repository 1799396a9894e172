//! A module as its binary describes it: every section decoded, function bodies left as byte ranges.
//!
//! Invariant: a `DecodedModule` that came out of `init(decoding:limits:)` has passed all module-level validation
//! (types, indices, limits, constant expressions, export names). Function bodies are validated one by one by
//! `FunctionValidator`, so that a compiler can do it in parallel.

/// A module decoded from the binary format.
public struct DecodedModule: Sendable {
    /// The whole binary. Function bodies and data segments are ranges of it.
    public internal(set) var bytes: [UInt8] = []

    /// The limits the module was decoded under; its bodies are validated under the same.
    public internal(set) var limits = ImplementationLimits.default

    public internal(set) var types: [FunctionType] = []
    /// For every entry of `types`, the lowest index of a structurally equal type. Two types are the same exactly when
    /// their canonical indices are equal.
    public internal(set) var canonicalTypeIndices: [UInt32] = []

    public internal(set) var imports: [Import] = []
    public internal(set) var exports: [Export] = []

    /// The type index of every function, imported functions first.
    public internal(set) var functions: [UInt32] = []
    /// Every table, imported tables first.
    public internal(set) var tables: [TableType] = []
    /// Every memory, imported memories first.
    public internal(set) var memories: [MemoryType] = []
    /// Every global, imported globals first.
    public internal(set) var globals: [GlobalType] = []

    public internal(set) var importedFunctionCount = 0
    public internal(set) var importedTableCount = 0
    public internal(set) var importedMemoryCount = 0
    public internal(set) var importedGlobalCount = 0

    /// Initial values of the defined (not imported) globals, in order.
    public internal(set) var globalInitializers: [ConstantExpression] = []
    /// Index of the start function.
    public internal(set) var start: UInt32?
    public internal(set) var elements: [ElementSegment] = []
    public internal(set) var data: [DataSegment] = []
    /// Whether the module has a data count section, without which bodies may not name data segments.
    public internal(set) var hasDataCount = false
    /// The code section without its id and size; empty if there is none. Addresses in debug information count from its
    /// start.
    public internal(set) var codeSection = 0..<0
    /// Bodies of the defined functions, in order.
    public internal(set) var bodies: [FunctionBody] = []
    /// Functions that `ref.func` may name inside function bodies (spec: `C.refs`), by function index.
    public internal(set) var declaredFunctionReferences: Set<UInt32> = []
    /// What the name section says. Malformed name sections are ignored, as the specification requires.
    public internal(set) var names = Names()
    /// Custom sections other than the name section: name and range of the payload in `bytes`.
    public internal(set) var customSections: [(name: String, payload: Range<Int>)] = []

    init() {}

    /// The index of a defined function's body is its function index minus the imports.
    public func functionIndex(ofBody body: Int) -> UInt32 { UInt32(importedFunctionCount + body) }

    /// The type of a function by function index (imports included).
    public func functionType(_ function: UInt32) -> FunctionType { types[Int(functions[Int(function)])] }
}

/// A name as a dictionary key, equal exactly when the bytes are equal.
///
/// The names of WebAssembly are byte sequences. `String` compares by canonical equivalence, under which two different
/// names ("é" as one code point and as two) would be the same.
public struct ExactName: Hashable, Sendable {
    public let string: String

    public init(_ string: String) { self.string = string }

    public static func == (left: ExactName, right: ExactName) -> Bool {
        // Not `utf8.elementsEqual`, which goes byte by byte through an iterator.
        var (left, right) = (left.string, right.string)
        return left.withUTF8 { left in
            right.withUTF8 { right in left.count == right.count && left.elementsEqual(right) }
        }
    }

    public func hash(into hasher: inout Hasher) {
        var string = string
        string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// One import: two names and the type it must have.
public struct Import: Sendable, Hashable {
    public var module: String
    public var name: String
    public var type: ExternalType

    public init(module: String, name: String, type: ExternalType) {
        self.module = module
        self.name = name
        self.type = type
    }
}

/// The type of something imported or exported.
public enum ExternalType: Sendable, Hashable {
    /// A function, by index into the module's types.
    case function(typeIndex: UInt32)
    case table(TableType)
    case memory(MemoryType)
    case global(GlobalType)
}

/// One export: a name and what it names, by index in the index space of its kind.
public struct Export: Sendable, Hashable {
    public enum Kind: UInt8, Sendable { case function = 0, table, memory, global }
    public var name: String
    public var kind: Kind
    public var index: UInt32

    public init(name: String, kind: Kind, index: UInt32) {
        self.name = name
        self.kind = kind
        self.index = index
    }
}

/// A validated constant expression, as a short postfix program. Evaluation in order of definition always finds the
/// globals it reads already initialised: they are imported or come before.
public struct ConstantExpression: Sendable, Hashable {
    public enum Instruction: Sendable, Hashable {
        case i32(Int32)
        case i64(Int64)
        /// Bit pattern.
        case f32(UInt32)
        /// Bit pattern.
        case f64(UInt64)
        /// In a box, so that it does not make the others larger.
        indirect case v128(V128)
        case globalGet(UInt32)
        case refNull(ValueType)
        case refFunc(UInt32)
        case i32Add, i32Sub, i32Mul
        case i64Add, i64Sub, i64Mul
    }

    // Nearly every expression is one instruction, and element segments hold millions of them: that one is stored in
    // place, without an allocation.
    var first: Instruction?
    var rest: [Instruction]

    public init(_ instructions: [Instruction]) {
        first = instructions.first
        rest = Array(instructions.dropFirst())
    }

    init(first: Instruction, rest: [Instruction] = []) {
        self.first = first
        self.rest = rest
    }

    /// The whole program in order, without its `end`. Makes an array: see `single`.
    public var instructions: [Instruction] { (first.map { [$0] } ?? []) + rest }

    /// The only instruction, when there is one: the case worth a shortcut.
    public var single: Instruction? { rest.isEmpty ? first : nil }
}

/// An element segment.
public struct ElementSegment: Sendable {
    public enum Mode: Sendable, Hashable {
        case active(table: UInt32, offset: ConstantExpression)
        case passive
        case declarative
    }
    public var mode: Mode
    public var type: ValueType
    public var items: [ConstantExpression]
    /// Offset of the segment in the binary, for errors.
    public var byteOffset: Int
}

/// A data segment.
public struct DataSegment: Sendable {
    public enum Mode: Sendable, Hashable {
        case active(memory: UInt32, offset: ConstantExpression)
        case passive
    }
    public var mode: Mode
    /// Where the bytes lie in `DecodedModule.bytes`.
    public var range: Range<Int>
}

/// The code of a defined function, as a range of the binary.
public struct FunctionBody: Sendable {
    /// From the first byte of the locals vector up to and including the final `end`.
    public var range: Range<Int>
}

/// Names from the name section, by index; absent names are absent keys.
public struct Names: Sendable {
    public var module: String?
    public var functions: [UInt32: String] = [:]

    public init() {}
}
