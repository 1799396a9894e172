//! What the specification's instantiation leaves behind: globals, tables and memories before the start function.
//!
//! Of a linked instance, whose segments may go to what is another's, it is only the sizes: the rest is done when it is
//! instantiated (`InstanceGroup`).

import Compiler
import WasmModule

/// The evaluated initial state of a module.
///
/// Throws a `Trap` without frames where the specification traps: for an active segment that does not fit.
struct InitialState {
    private let module: ModuleCore
    private let residence: Residence
    /// The cells of each global, imported ones first; the second is 0 unless it is a v128.
    private(set) var globals: [V128]
    private(set) var tables: [InstanceImage.Table] = []
    private(set) var memories: [InstanceImage.Memory] = []

    init(_ module: ModuleCore, in residence: Residence, globals imported: [V128]) throws {
        self.module = module
        self.residence = residence
        globals = imported
        let decoded = module.decoded
        let constants = ConstantEvaluator(functionReference: module.reference(toFunction:))
        globals.reserveCapacity(decoded.globals.count)
        for initializer in decoded.globalInitializers {
            globals.append(constants.evaluate(initializer, globals: { globals[$0] }))
        }
        try declare(isMutable: Self.mutableTables(of: decoded, written: module.code.writtenTables))
        for element in decoded.elements { try apply(element, constants) }
        for segment in decoded.data { try apply(segment, constants) }
    }

    /// All zero and null, for instances to be linked: their tables can be written by others.
    init(blank module: ModuleCore) throws(LinkError) {
        self.module = module
        residence = module.engine.ordinaryResidence()
        globals = [V128](repeating: V128(), count: module.decoded.globals.count)
        try declare(isMutable: [Bool](repeating: true, count: module.decoded.tables.count))
    }

    /// Tables and memories of the sizes that they start with. Imported ones are empty.
    private mutating func declare(isMutable: [Bool]) throws(LinkError) {
        let decoded = module.decoded
        let ownLimit = residence.pool.configuration.tableElements
        let sharedLimit = module.engine.limits.tableElements
        var (elements, sharedElements) = (0, 0)
        for (index, type) in decoded.tables.enumerated() {
            guard index >= decoded.importedTableCount else {
                tables.append(InstanceImage.Table(elements: [], isImmutable: true))
                continue
            }
            // Of a slot, tables that all instances share take nothing; but a guest can ask for a large one in a few bytes,
            // so that they are bounded in the same way.
            let count = Int(clamping: type.limits.minimum)
            let most = count.addingReportingOverflow(isMutable[index] ? elements : sharedElements)
            let limit = isMutable[index] ? ownLimit : sharedLimit
            guard !most.overflow, most.partialValue <= limit else {
                let requested = most.overflow ? .max : most.partialValue
                throw LinkError.pool(.tableTooLarge(requested: requested, limit: limit))
            }
            if isMutable[index] { elements += count } else { sharedElements += count }
            tables.append(
                InstanceImage.Table(
                    elements: [UInt64](repeating: 0, count: count), maximum: type.limits.maximum,
                    isImmutable: !isMutable[index]))
        }
        for (index, type) in decoded.memories.enumerated() {
            guard index >= decoded.importedMemoryCount else {
                memories.append(InstanceImage.Memory(initialBytes: 0, maximumBytes: 0))
                continue
            }
            let initial = type.limits.minimum.bytesOfPages
            let limit = residence.mostBytes
            guard initial <= limit else {
                throw LinkError.pool(.memoryTooLarge(requested: initial, limit: limit))
            }
            let declared = type.limits.maximum?.bytesOfPages
            memories.append(
                InstanceImage.Memory(
                    initialBytes: initial, maximumBytes: min(declared ?? .max, limit & ~(MemoryType.pageSize - 1))))
        }
    }

    /// For each table, whether anything can write it once segments have been applied: the module's own code, or through
    /// an export whoever else has the table. Nobody has, until the host can reach tables; from then on, forgetting it here
    /// would let one tenant write what all others read.
    ///
    /// - Parameter written: what the code writes.
    static func mutableTables(of module: DecodedModule, written: [Bool]) -> [Bool] {
        var isMutable = written
        for export in module.exports where export.kind == .table { isMutable[Int(export.index)] = true }
        return isMutable
    }

    private mutating func apply(_ segment: ElementSegment, _ constants: ConstantEvaluator) throws {
        guard case .active(let table, let offsetExpression) = segment.mode else { return }
        let offset = constants.evaluate(offsetExpression, globals: { globals[$0] }).low
        let size = UInt64(tables[Int(table)].elements.count)
        guard InstanceCore.fits(offset, UInt64(segment.items.count), size) else { throw Trap(code: .tableOutOfBounds) }
        for (index, item) in segment.items.enumerated() {
            tables[Int(table)].elements[Int(offset) + index] =
                constants.evaluate(item, globals: { globals[$0] }).low
        }
    }

    private mutating func apply(_ segment: DataSegment, _ constants: ConstantEvaluator) throws {
        guard case .active(let memory, let offsetExpression) = segment.mode else { return }
        let offset = constants.evaluate(offsetExpression, globals: { globals[$0] }).low
        let size = memories[Int(memory)].initialBytes
        guard InstanceCore.fits(offset, UInt64(segment.range.count), size) else { throw Trap(code: .memoryOutOfBounds) }
        memories[Int(memory)].segments.append(
            InstanceImage.Segment(offset: offset, bytes: module.decoded.bytes[segment.range]))
    }

    /// The image of the instance, with memory 0, and one of each further memory that the module defines.
    func images() throws(LinkError) -> [InstanceImage] {
        let layout = module.code.layout
        var context = module.constantContext
        context.withUnsafeMutableBytes { bytes in
            for (index, cells) in globals.enumerated() {
                let offset = layout.global(index) - VMContextLayout.headerSize
                bytes.storeBytes(of: cells.low, toByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(of: cells.high, toByteOffset: offset + 8, as: UInt64.self)
            }
        }
        do {
            var images = [
                try InstanceImage(
                    layout: layout, memory: memories.first, context: context, tables: tables)
            ]
            for memory in memories.dropFirst(max(1, module.decoded.importedMemoryCount)) {
                images.append(try InstanceImage(further: memory))
            }
            return images
        } catch {
            throw .pool(error)
        }
    }
}

/// Evaluates validated constant expressions.
struct ConstantEvaluator {
    /// The reference to a function of the instance.
    var functionReference: (Int) -> UInt64

    /// The cells of an expression's value; the second is 0 unless it is a v128. There is no arithmetic on vectors.
    func evaluate(_ expression: ConstantExpression, globals: (Int) -> V128) -> V128 {
        if let single = expression.single { return value(of: single, globals) }
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
            default: stack.append(value(of: instruction, globals).low)
            }
        }
        return V128(low: stack.last ?? 0)
    }

    private func value(of instruction: ConstantExpression.Instruction, _ globals: (Int) -> V128) -> V128 {
        switch instruction {
        case .i32(let value): V128(low: UInt64(UInt32(bitPattern: value)))
        case .i64(let value): V128(low: UInt64(bitPattern: value))
        case .f32(let bits): V128(low: UInt64(bits))
        case .f64(let bits): V128(low: bits)
        case .v128(let vector): vector
        case .globalGet(let index): globals(Int(index))
        case .refNull: V128()
        case .refFunc(let index): V128(low: functionReference(Int(index)))
        case .i32Add, .i32Sub, .i32Mul, .i64Add, .i64Sub, .i64Mul: V128()
        }
    }
}
