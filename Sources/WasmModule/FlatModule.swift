//! What function bodies refer to, as flat arrays of integers: the validator's view of a module.
//!
//! Invariants: immutable after `init`; every type list is a stretch of one arena, which begins with each value type
//! once, so that a block type with one result is a list like any other. Memory is proportional to the module's
//! declarations.

/// A list of types: a stretch of `FlatModule.arena`.
struct TypeList: BitwiseCopyable {
    var offset: UInt32
    var count: UInt32

    static let empty = TypeList(offset: 0, count: 0)
}

struct FlatSignature: BitwiseCopyable {
    var parameters: TypeList
    var results: TypeList
}

struct FlatModule: ~Copyable {
    /// Type bytes of all lists.
    let arena: UnsafeMutablePointer<UInt32>
    /// By type index.
    let signatures: UnsafeMutablePointer<FlatSignature>
    let typeCount: UInt32
    /// Type index by function index.
    let functions: UnsafeMutablePointer<UInt32>
    let functionCount: UInt32
    /// By global index: type byte, and bit 8 when mutable.
    let globals: UnsafeMutablePointer<UInt32>
    let globalCount: UInt32
    /// By table index: element type, and bit 8 when its indices are i64.
    let tables: UnsafeMutablePointer<UInt32>
    let tableCount: UInt32
    /// By memory index: the type of its addresses.
    let memories: UnsafeMutablePointer<UInt32>
    let memoryCount: UInt32
    /// Element type by segment index.
    let elements: UnsafeMutablePointer<UInt32>
    let elementCount: UInt32

    static let mutableFlag: UInt32 = 0x100
    static let is64Flag: UInt32 = 0x100
    private static let singles: [ValueType] = [.i32, .i64, .f32, .f64, .v128, .funcref, .externref]
    static let singleCount = 7

    init(_ module: DecodedModule) {
        let total = module.types.reduce(Self.singles.count) { $0 + $1.parameters.count + $1.results.count }
        arena = .allocate(capacity: total)
        signatures = .allocate(capacity: module.types.count)
        typeCount = UInt32(module.types.count)
        var used = 0
        assert(Self.singles.count == Self.singleCount)
        for single in Self.singles {
            arena[used] = single.bits
            used += 1
        }
        for (index, type) in module.types.enumerated() {
            let start = used
            for value in type.parameters {
                arena[used] = value.bits
                used += 1
            }
            let middle = used
            for value in type.results {
                arena[used] = value.bits
                used += 1
            }
            signatures[index] = FlatSignature(
                parameters: TypeList(offset: UInt32(start), count: UInt32(middle - start)),
                results: TypeList(offset: UInt32(middle), count: UInt32(used - middle)))
        }
        functions = Self.copy(module.functions) { $0 }
        functionCount = UInt32(module.functions.count)
        globals = Self.copy(module.globals) { $0.value.bits | ($0.isMutable ? Self.mutableFlag : 0) }
        globalCount = UInt32(module.globals.count)
        tables = Self.copy(module.tables) { $0.element.bits | ($0.is64 ? Self.is64Flag : 0) }
        tableCount = UInt32(module.tables.count)
        memories = Self.copy(module.memories) { $0.address.bits }
        memoryCount = UInt32(module.memories.count)
        elements = Self.copy(module.elements) { $0.type.bits }
        elementCount = UInt32(module.elements.count)
    }

    private static func copy<Element>(
        _ array: [Element], _ value: (Element) -> UInt32
    ) -> UnsafeMutablePointer<UInt32> {
        let copy = UnsafeMutablePointer<UInt32>.allocate(capacity: array.count)
        for index in array.indices { (copy + index).initialize(to: value(array[index])) }
        return copy
    }

    deinit {
        arena.deallocate()
        signatures.deallocate()
        functions.deallocate()
        globals.deallocate()
        tables.deallocate()
        memories.deallocate()
        elements.deallocate()
    }
}

extension FunctionValidator {
    /// The list of one value type.
    mutating func single(_ type: ValueType) -> TypeList {
        for index in 0..<FlatModule.singleCount where flat.arena[index] == type.bits {
            return TypeList(offset: UInt32(index), count: 1)
        }
        return .empty
    }
}
