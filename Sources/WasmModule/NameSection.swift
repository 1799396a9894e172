//! The custom section "name": names of the module and its functions, for backtraces and errors.
//!
//! The specification forbids that a malformed custom section makes a module malformed, so nothing here throws outward:
//! decoding stops at the first mistake and what was read before it stays.

extension Names {
    init(decoding input: ByteReader, limits: ImplementationLimits) {
        self.init()
        var reader = input
        do throws(WasmError) {
            while !reader.atEnd {
                let id = try reader.byte()
                let size = try reader.u32()
                let range = try reader.take(size, orElse: "unexpected end of a name subsection")
                try subsection(id, ByteReader(base: reader.base, range: range), limits)
            }
        } catch {
            // Not an error of the module (see above).
        }
    }

    private mutating func subsection(
        _ id: UInt8, _ input: ByteReader, _ limits: ImplementationLimits
    ) throws(WasmError) {
        var reader = input
        switch id {
        case 0: module = try reader.name(limit: limits.nameSize)
        case 1:
            let count = try reader.count(limit: limits.functions, of: "function names")
            for _ in 0..<count {
                let index = try reader.u32()
                functions[index] = try reader.name(limit: limits.nameSize)
            }
        default: break
        }
    }
}
