//! What tools ask of a compiled module: sizes and places.

package import Compiler
import Runtime
import WasmModule

extension Module {
    /// A function and its machine code.
    public struct CompiledFunction: Sendable, Hashable {
        /// Index in the module's function space, imports first.
        public var index: Int
        /// From the module's name section.
        public var name: String?
        /// Its parameters and results.
        public var type: FunctionType
        /// Where its machine code lies: bytes from the start of the code.
        public var codeRange: Range<Int>
        /// Where its body lies: bytes from the start of the binary.
        public var bodyRange: Range<Int>
    }

    /// Bytes of machine code, with stubs and constants.
    public var codeSize: Int { core.codeSize }

    /// The machine code, as it lies in memory.
    public var code: [UInt8] { core.text }

    /// The functions that the module defines, in order.
    public var functions: [CompiledFunction] {
        let decoded = core.decoded
        return decoded.bodies.indices.map { body in
            let index = decoded.importedFunctionCount + body
            return CompiledFunction(
                index: index, name: decoded.names.functions[UInt32(index)], type: decoded.functionType(UInt32(index)),
                codeRange: core.codeRange(ofBody: body), bodyRange: decoded.bodies[body].range)
        }
    }

    /// Whence the machine code comes, by code offset; up to the next one. Of an artifact, only of instructions that may trap.
    package var codeOrigins: [CodeOrigin] {
        let code = core.code
        guard code.origins.isEmpty else { return code.origins }
        return code.trapOffsets.compactMap { offset in
            code.sourceOffset(at: offset).map { CodeOrigin(code: offset, source: $0) }
        }
    }

    /// Bytes of the VM context of an instance: header, signatures, tables' descriptors, globals.
    public var contextSize: Int { core.code.layout.size }

    /// Bytes that a fresh instance's memories have. `UInt64.max` if they were more: a module can declare more than there are.
    public var initialMemorySize: UInt64 {
        saturatingSum(
            core.decoded.memories.map { memory in
                let (bytes, overflow) = memory.limits.minimum.multipliedReportingOverflow(by: MemoryType.pageSize)
                return overflow ? .max : bytes
            })
    }

    /// Bytes of all data segments.
    public var dataSize: Int { core.decoded.data.reduce(0) { $0 + $1.range.count } }

    /// Elements that the tables of a fresh instance have.
    public var initialTableElements: UInt64 { saturatingSum(core.decoded.tables.map(\.limits.minimum)) }
}

private func saturatingSum(_ numbers: [UInt64]) -> UInt64 {
    numbers.reduce(0) { sum, number in
        let (next, overflow) = sum.addingReportingOverflow(number)
        return overflow ? .max : next
    }
}

extension Module {
    /// The module in the binary format, as it was compiled; out of an artifact too.
    public var binary: [UInt8] { core.decoded.bytes }
}
