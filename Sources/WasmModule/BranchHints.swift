//! Which way branches usually go, by the custom section `metadata.code.branch_hint`, where a module has one.
//!
//! For functions in ascending order, hints in ascending order: where the instruction stands, counted from the start of the
//! function's body, and whether the branch is likely. Like any custom section it means nothing for whether the module is
//! valid: reading ends at the first mistake, and what was read before it stays.

public struct BranchHints: Sendable {
    static let sectionName = "metadata.code.branch_hint"

    /// A hint for a `br_if` or an `if`.
    public struct Hint: Sendable, Hashable, BitwiseCopyable {
        /// Bytes from the start of the module's binary.
        public var offset: UInt32
        /// Whether the branch is likely to be taken; of an `if`, whether the first arm is. Else the opposite is likely.
        public var isLikely: Bool
    }

    /// By ascending offset. Whether there is a branch at an offset is not known.
    public private(set) var hints: [Hint] = []

    /// The hints of a module; none if it has no such section. Should there be several, the first counts.
    public init(of module: DecodedModule) {
        guard let section = module.customSections.first(where: { $0.name == Self.sectionName }) else { return }
        module.bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            try? read(ByteReader(base: base, range: section.payload), module)
        }
    }

    private mutating func read(_ section: ByteReader, _ module: DecodedModule) throws(WasmError) {
        var reader = section
        var nextFunction = module.importedFunctionCount
        for _ in 0..<(try reader.u32()) {
            let function = Int(try reader.u32())
            guard function >= nextFunction, function - module.importedFunctionCount < module.bodies.count else {
                throw reader.malformed("functions that hints are for must ascend")
            }
            nextFunction = function + 1
            let body = module.bodies[function - module.importedFunctionCount].range
            var next = body.lowerBound
            for _ in 0..<(try reader.u32()) {
                let offset = body.lowerBound + Int(try reader.u32())
                guard offset >= next, offset < body.upperBound else {
                    throw reader.malformed("places of hints must ascend")
                }
                next = offset + 1
                guard try reader.byte() == 1 else { throw reader.malformed("a branch hint is one byte") }
                hints.append(Hint(offset: UInt32(offset), isLikely: try reader.byte() != 0))
            }
        }
    }
}
