//! What the specification's instantiation leaves behind: globals, tables and memories before the start function.

import Compiler
import WasmModule

/// The evaluated initial state of a module.
///
/// Throws a `Trap` without frames where the specification traps: for an active segment that does not fit.
struct InitialState {
    private let module: ModuleCore
    /// The cells of each global, imported ones first; the second is 0 unless it is a v128.
    private(set) var globals: [V128]
    private(set) var tables: [InstanceImage.Table] = []
    private(set) var memories: [InstanceImage.Memory] = []

    init(_ module: ModuleCore, globals imported: [V128]) throws {
        self.module = module
        globals = imported
        let decoded = module.decoded
        globals.reserveCapacity(decoded.globals.count)
        for initializer in decoded.globalInitializers { globals.append(evaluateGlobal(initializer)) }
        let limit = module.engine.limits.tableElements
        let isMutable = Self.mutableTables(of: module)
        var (elements, sharedElements) = (0, 0)
        for (index, type) in decoded.tables.enumerated() {
            // Of a slot, tables that all instances share take nothing; but a guest can ask for a large one in a few bytes,
            // so that they are bounded in the same way.
            let count = Int(type.limits.minimum)
            if isMutable[index] { elements += count } else { sharedElements += count }
            let most = max(elements, sharedElements)
            guard most <= limit else { throw LinkError.pool(.tableTooLarge(requested: most, limit: limit)) }
            tables.append(
                InstanceImage.Table(
                    elements: [UInt64](repeating: 0, count: count), maximum: type.limits.maximum,
                    isImmutable: !isMutable[index]))
        }
        for type in decoded.memories {
            // Validation allows at most 65,536 pages.
            let initial = type.limits.minimum * MemoryType.pageSize
            guard initial <= module.engine.limits.maximumMemoryBytes else {
                throw LinkError.pool(
                    .memoryTooLarge(requested: initial, limit: module.engine.limits.maximumMemoryBytes))
            }
            memories.append(
                InstanceImage.Memory(
                    initialBytes: initial, maximumBytes: type.limits.maximum.map { $0 * MemoryType.pageSize }))
        }
        for element in decoded.elements { try apply(element) }
        for segment in decoded.data { try apply(segment) }
    }

    /// For each table, whether anything can write it once segments have been applied: the module's own code, or through
    /// an import or export whoever else has the table. Nobody has, until the host can reach tables and instances can be
    /// linked; from then on, forgetting it here would let one tenant write what all others read.
    private static func mutableTables(of module: ModuleCore) -> [Bool] {
        var isMutable = module.code.writtenTables
        for index in 0..<module.decoded.importedTableCount { isMutable[index] = true }
        for export in module.decoded.exports where export.kind == .table { isMutable[Int(export.index)] = true }
        return isMutable
    }

    /// The value of a global's initialiser. There is no arithmetic on vectors.
    private func evaluateGlobal(_ expression: ConstantExpression) -> V128 {
        switch expression.single {
        case .v128(let vector): vector
        case .globalGet(let index): globals[Int(index)]
        default: V128(low: evaluate(expression))
        }
    }

    /// The value of a constant expression as a cell, for all types but v128. Validation has checked types, indices and the order of globals.
    func evaluate(_ expression: ConstantExpression) -> UInt64 {
        if let single = expression.single { return value(of: single) }
        var stack: [UInt64] = []
        func i32(_ operation: (UInt32, UInt32) -> UInt32) {
            guard let right = stack.popLast(), let left = stack.popLast() else { return }
            stack.append(UInt64(operation(UInt32(truncatingIfNeeded: left), UInt32(truncatingIfNeeded: right))))
        }
        func i64(_ operation: (UInt64, UInt64) -> UInt64) {
            guard let right = stack.popLast(), let left = stack.popLast() else { return }
            stack.append(operation(left, right))
        }
        for instruction in expression.instructions {
            switch instruction {
            case .i32Add: i32(&+)
            case .i32Sub: i32(&-)
            case .i32Mul: i32(&*)
            case .i64Add: i64(&+)
            case .i64Sub: i64(&-)
            case .i64Mul: i64(&*)
            default: stack.append(value(of: instruction))
            }
        }
        return stack.last ?? 0
    }

    private func value(of instruction: ConstantExpression.Instruction) -> UInt64 {
        switch instruction {
        case .i32(let value): UInt64(UInt32(bitPattern: value))
        case .i64(let value): UInt64(bitPattern: value)
        case .f32(let bits): UInt64(bits)
        case .f64(let bits): bits
        case .v128(let vector): vector.low
        case .globalGet(let index): globals[Int(index)].low
        case .refNull: 0
        case .refFunc(let index): module.reference(toFunction: Int(index))
        case .i32Add, .i32Sub, .i32Mul, .i64Add, .i64Sub, .i64Mul: 0
        }
    }

    private mutating func apply(_ segment: ElementSegment) throws {
        guard case .active(let table, let offsetExpression) = segment.mode else { return }
        let offset = UInt64(UInt32(truncatingIfNeeded: evaluate(offsetExpression)))
        guard offset + UInt64(segment.items.count) <= UInt64(tables[Int(table)].elements.count) else {
            throw Trap(code: .tableOutOfBounds)
        }
        for (index, item) in segment.items.enumerated() {
            tables[Int(table)].elements[Int(offset) + index] = evaluate(item)
        }
    }

    private mutating func apply(_ segment: DataSegment) throws {
        guard case .active(let memory, let offsetExpression) = segment.mode else { return }
        let offset = UInt64(UInt32(truncatingIfNeeded: evaluate(offsetExpression)))
        guard offset + UInt64(segment.range.count) <= memories[Int(memory)].initialBytes else {
            throw Trap(code: .memoryOutOfBounds)
        }
        memories[Int(memory)].segments.append(
            InstanceImage.Segment(offset: offset, bytes: module.decoded.bytes[segment.range]))
    }

    func image() throws(LinkError) -> InstanceImage {
        let layout = module.code.layout
        var context = [UInt8](repeating: 0, count: layout.size - VMContextLayout.headerSize)
        context.withUnsafeMutableBytes { bytes in
            for (index, id) in module.signatureIDs.enumerated() {
                bytes.storeBytes(
                    of: id, toByteOffset: layout.signature(index) - VMContextLayout.headerSize, as: UInt32.self)
            }
            for (index, cells) in globals.enumerated() {
                let offset = layout.global(index) - VMContextLayout.headerSize
                bytes.storeBytes(of: cells.low, toByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(of: cells.high, toByteOffset: offset + 8, as: UInt64.self)
            }
        }
        do {
            return try InstanceImage(layout: layout, memories: memories, context: context, tables: tables)
        } catch {
            throw .pool(error)
        }
    }
}
