//! Rewrites a module so that engines can be compared on it: the bits of a NaN are not to be seen, all other state is.
//!
//! What a NaN looks like that an operator makes is not determined, but a program can look, and from there on two
//! correct engines differ in everything. So code is put in that replaces NaNs by the canonical one. Binaryen's own
//! `--denan` is not enough: in version 108 it knows no vectors, and works before the optimizer.
//!
//! Global variables are exported, which Binaryen does not do. Indices of functions, types and locals stay what they
//! were.

import TestSupport
import WasmModule

/// - Throws: `WasmError` if the bytes are no module.
func comparableModule(_ bytes: [UInt8]) throws -> [UInt8] {
    let module = try DecodedModule(decoding: bytes)
    let result = CodeBuilder()
    bytes.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        let canonicalizer = NaNCanonicalizer(module, base)
        // The magic number and the version.
        result.append(buffer[..<8])
        var reader = OperatorReader(start: base, end: base + buffer.count)
        reader.seek(to: 8)
        while !reader.atEnd {
            let identifier = reader.readByte()
            let size = Int(reader.readU32())
            let content = UnsafeBufferPointer(start: reader.pointer, count: size)
            result.raw(identifier)
            switch identifier {
            case 7:
                result.sized(exports(of: module, OperatorReader(start: reader.pointer, end: reader.pointer + size)))
            case 10:
                let bodies = CodeBuilder().u32(UInt32(module.bodies.count))
                for index in module.bodies.indices { bodies.sized(canonicalizer.body(index)) }
                result.sized(bodies.bytes)
            default: result.sized(Array(content))
            }
            reader.seek(to: reader.position + size)
        }
    }
    return result.bytes
}

/// The export section with the variables appended.
private func exports(of module: DecodedModule, _ content: OperatorReader) -> [UInt8] {
    let variables = module.globals.indices.filter {
        module.globals[$0].isMutable && !module.globals[$0].value.isReference
    }
    var entries = content
    let count = entries.readU32() + UInt32(variables.count)
    let rest = UnsafeBufferPointer(start: entries.pointer, count: entries.end - entries.pointer)
    let result = CodeBuilder().u32(count).append(rest)
    for index in variables {
        result.name("global \(index)").raw(Export.Kind.global.rawValue).u32(UInt32(index))
    }
    return result.bytes
}
