//! The operations that compiled code leaves to the runtime, with the specification's semantics.
//!
//! Addresses and lengths have 32 or 64 bits, by the type of the memory or table, and are taken as 64: of a value of 32
//! bits the cell's upper half is clear. All bounds are checked before anything is written, as the specification
//! demands. Bounds are those of the context at this moment; indices of memories, tables and segments are the compiler's
//! and exist.

import CPlatform
import Compiler
import Glibc
import WasmModule

extension InstanceCore {
    /// Performs a runtime function on its cells. The result is the trap it ends in, or nil.
    ///
    /// - Throws: what the host ends the guest with.
    final func perform(_ function: RuntimeFunction, _ cells: UnsafeMutablePointer<UInt64>) throws -> TrapCode? {
        func operand(_ index: Int) -> UInt64 { cells[index] }
        func index(_ index: Int) -> Int { Int(cells[index] & 0xFFFF_FFFF) }
        switch function {
        case .memoryGrow:
            try grow(.memory, cells)
            return nil
        case .memoryCopy:
            return copyMemory(
                to: index(3), at: operand(0), from: index(4), at: operand(1), count: operand(2))
        case .memoryFill:
            return fillMemory(index(3), at: operand(0), with: UInt8(truncatingIfNeeded: cells[1]), count: operand(2))
        case .memoryInit:
            return initializeMemory(index(4), at: operand(0), from: index(3), at: operand(1), count: operand(2))
        case .dataDrop:
            drop(index(0), in: &droppedData, of: template.module.decoded.data.count)
            return nil
        case .tableGrow:
            try grow(.table, cells)
            return nil
        case .tableCopy:
            return copyTable(to: index(3), at: operand(0), from: index(4), at: operand(1), count: operand(2))
        case .tableFill:
            return fillTable(index(3), at: operand(0), with: cells[1], count: operand(2))
        case .tableInit:
            return initializeTable(index(4), at: operand(0), from: index(3), at: operand(1), count: operand(2))
        case .elementDrop:
            drop(index(0), in: &droppedElements, of: template.module.decoded.elements.count)
            return nil
        case .multiplyAddF32x4, .negatedMultiplyAddF32x4:
            FusedMultiplyAdd.f32x4(cells, isNegated: function == .negatedMultiplyAddF32x4)
            return nil
        case .multiplyAddF64x2, .negatedMultiplyAddF64x2:
            FusedMultiplyAdd.f64x2(cells, isNegated: function == .negatedMultiplyAddF64x2)
            return nil
        }
    }

    /// Whether `count` elements from `start` on lie within `length`.
    @inline(__always)
    static func fits(_ start: UInt64, _ count: UInt64, _ length: UInt64) -> Bool {
        start <= length && count <= length - start
    }

    private func drop(_ segment: Int, in dropped: inout [Bool], of count: Int) {
        if dropped.isEmpty { dropped = [Bool](repeating: false, count: count) }
        dropped[segment] = true
    }

    // MARK: Pieces
    //
    // What a guest can have done in one instruction takes as long as it has memory. It is done in pieces, so that a
    // guest that is to stop need not come to the end of it. That it was stopped, the way back to the guest finds out.

    /// Bytes; a multiple of all strides. Takes some 100 microseconds where the pages have to be made.
    private static var pieceSize: Int { 1 << 20 }

    /// Does something for each piece of a number of bytes, in ascending order.
    @inline(__always)
    static func inPieces(_ count: Int, for context: UnsafeMutableRawPointer, _ body: (Range<Int>) -> Void) {
        if count <= pieceSize { return body(0..<count) }
        let root = context.loadPointer(at: VMContextLayout.root)
        for start in stride(from: 0, to: count, by: pieceSize) {
            if root.load(fromByteOffset: VMContextLayout.request, as: mayfly_request.self).stop != 0 { return }
            body(start..<min(start + pieceSize, count))
        }
    }

    static func fill(
        _ count: Int, at target: UnsafeMutableRawPointer, with value: UInt8, for context: UnsafeMutableRawPointer
    ) {
        inPieces(count, for: context) { memset(target + $0.lowerBound, Int32(value), $0.count) }
    }

    /// Copies bytes between places that may overlap.
    static func copy(
        _ count: Int, to target: UnsafeMutableRawPointer, from origin: UnsafeRawPointer,
        for context: UnsafeMutableRawPointer
    ) {
        let isUpwards = target > UnsafeMutableRawPointer(mutating: origin)
        inPieces(count, for: context) { piece in
            // In the order in which no piece is overwritten before it has been copied.
            let start = isUpwards ? count - piece.upperBound : piece.lowerBound
            memmove(target + start, origin + start, piece.count)
        }
    }

    // MARK: Memory

    private func memory(_ index: Int) -> (base: UnsafeMutableRawPointer, length: UInt64) {
        let layout = template.module.code.layout
        return (
            context.loadPointer(at: layout.memoryBase(index)), context.loadWord(at: layout.memoryLength(index))
        )
    }

    private func copyMemory(
        to destination: Int, at target: UInt64, from source: Int, at origin: UInt64, count: UInt64
    ) -> TrapCode? {
        let (to, toLength) = memory(destination)
        let (from, fromLength) = memory(source)
        guard Self.fits(target, count, toLength), Self.fits(origin, count, fromLength) else {
            return .memoryOutOfBounds
        }
        Self.copy(Int(count), to: to + Int(target), from: from + Int(origin), for: context)
        return nil
    }

    private func fillMemory(_ index: Int, at target: UInt64, with value: UInt8, count: UInt64) -> TrapCode? {
        let (base, length) = memory(index)
        guard Self.fits(target, count, length) else { return .memoryOutOfBounds }
        Self.fill(Int(count), at: base + Int(target), with: value, for: context)
        return nil
    }

    private func initializeMemory(
        _ index: Int, at target: UInt64, from segment: Int, at origin: UInt64, count: UInt64
    ) -> TrapCode? {
        let (base, length) = memory(index)
        let data = template.module.decoded.data[segment]
        var range = data.range
        // Active segments count as dropped once they have been applied.
        if case .active = data.mode { range = range.lowerBound..<range.lowerBound }
        if !droppedData.isEmpty, droppedData[segment] { range = range.lowerBound..<range.lowerBound }
        guard Self.fits(origin, count, UInt64(range.count)), Self.fits(target, count, length) else {
            return .memoryOutOfBounds
        }
        template.module.decoded.bytes.withUnsafeBytes { bytes in
            let source = UnsafeRawBufferPointer(rebasing: bytes[range]).baseAddress
            if let source, count > 0 {
                Self.copy(Int(count), to: base + Int(target), from: source + Int(origin), for: context)
            }
        }
        return nil
    }

    // MARK: Tables

    private func table(_ index: Int) -> (base: UnsafeMutablePointer<UInt64>, length: UInt64) {
        let layout = template.module.code.layout
        return (
            context.loadPointer(at: layout.tableBase(index)).assumingMemoryBound(to: UInt64.self),
            context.loadWord(at: layout.tableLength(index))
        )
    }

    private func copyTable(
        to destination: Int, at target: UInt64, from source: Int, at origin: UInt64, count: UInt64
    ) -> TrapCode? {
        let (to, toLength) = table(destination)
        let (from, fromLength) = table(source)
        guard Self.fits(target, count, toLength), Self.fits(origin, count, fromLength) else { return .tableOutOfBounds }
        Self.copy(
            Int(count) * MemoryLayout<UInt64>.stride, to: UnsafeMutableRawPointer(to + Int(target)),
            from: UnsafeRawPointer(from + Int(origin)), for: context)
        return nil
    }

    private func fillTable(_ index: Int, at target: UInt64, with value: UInt64, count: UInt64) -> TrapCode? {
        let (base, length) = table(index)
        guard Self.fits(target, count, length) else { return .tableOutOfBounds }
        Self.inPieces(Int(count) * MemoryLayout<UInt64>.stride, for: context) { piece in
            let elements = piece.count / MemoryLayout<UInt64>.stride
            let start = Int(target) + piece.lowerBound / MemoryLayout<UInt64>.stride
            (base + start).update(repeating: value, count: elements)
        }
        return nil
    }

    private func initializeTable(
        _ index: Int, at target: UInt64, from segment: Int, at origin: UInt64, count: UInt64
    ) -> TrapCode? {
        let (base, length) = table(index)
        let element = template.module.decoded.elements[segment]
        var available = 0
        // Active and declarative segments count as dropped.
        if case .passive = element.mode { available = element.items.count }
        if !droppedElements.isEmpty, droppedElements[segment] { available = 0 }
        guard Self.fits(origin, count, UInt64(available)), Self.fits(target, count, length) else {
            return .tableOutOfBounds
        }
        // The globals that items may read are immutable: they have their initial values.
        Self.inPieces(Int(count) * MemoryLayout<UInt64>.stride, for: context) { piece in
            let stride = MemoryLayout<UInt64>.stride
            for item in piece.lowerBound / stride..<piece.upperBound / stride {
                base[Int(target) + item] = constant(element.items[Int(origin) + item]).low
            }
        }
        return nil
    }

    /// The cells of a constant expression of the module, in this instance.
    final func constant(_ expression: ConstantExpression) -> V128 {
        ConstantEvaluator(functionReference: reference(toFunction:)).evaluate(expression, globals: globalCells)
    }
}
