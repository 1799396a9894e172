//! How values lie in the 8-byte cells of a call (`CompiledCode` has the convention): whoever walks cells counts with these.

public import WasmModule

extension ValueType {
    /// Cells that a value of this type takes.
    @inlinable public var cellCount: Int { self == .v128 ? 2 : 1 }
}

extension FunctionType {
    /// Cells that a call's arguments or its results take, whichever are more.
    public var cellCount: Int {
        max(parameters.reduce(0) { $0 + $1.cellCount }, results.reduce(0) { $0 + $1.cellCount })
    }

    /// The cells in which the values of `type` among a list begin.
    public static func cells(of type: ValueType, in types: [ValueType]) -> [Int] {
        var cells: [Int] = []
        var next = 0
        for other in types {
            if other == type { cells.append(next) }
            next += other.cellCount
        }
        return cells
    }
}
