//! Vector instructions on `CodeBuilder`: those with immediates; all others are `op(.i8x16Add)`.

public import WasmModule

extension CodeBuilder {
    @discardableResult public func v128Const(_ value: V128) -> CodeBuilder {
        op(.v128Const).append(value.lanes(of: UInt8.self))
    }

    /// - Parameter lanes: 16 of them, each below 32.
    @discardableResult public func i8x16Shuffle(_ lanes: [UInt8]) -> CodeBuilder { op(.i8x16Shuffle).append(lanes) }

    /// An instruction on one lane.
    @discardableResult public func op(_ opcode: VectorOpcode, lane: UInt8) -> CodeBuilder { op(opcode).raw(lane) }

    /// A load or store, of a lane if one is given.
    @discardableResult public func op(
        _ opcode: VectorOpcode, align: UInt32 = 0, offset: UInt32, lane: UInt8? = nil
    ) -> CodeBuilder {
        op(opcode).u32(align).u32(offset)
        if let lane { raw(lane) }
        return self
    }
}
