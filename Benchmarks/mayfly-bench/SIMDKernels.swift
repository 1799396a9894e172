//! The kernels of the `simd` command: what programs use vectors for, a loop each.
//!
//! They lie as text in `Benchmarks/guests/simd`, each a module that exports `run(iterations)`. It fills a memory of a few
//! dozen kibibytes, so that they stay in the first levels of cache, works through them that many times, and returns a
//! checksum of what came of it. The text is encoded here, so that every engine gets the same bytes.

import WasmText

struct SIMDKernel: Sendable {
    /// Of the file, without its extension.
    var name: String
    /// So many that a run takes between five and twenty milliseconds on a processor of 2020.
    var iterations: Int32
    /// What `run` returns for them: Mayfly and Wasmtime agree on it; it stands here so that one alone is checked too.
    var checksum: UInt32

    /// (The number for `gf256` is odd, for what is added twice is gone.)
    static let all = [
        SIMDKernel(name: "base64", iterations: 3000, checksum: 0x9A345113),
        SIMDKernel(name: "blend-u8", iterations: 3000, checksum: 0xBB413D03),
        SIMDKernel(name: "chacha20", iterations: 1000, checksum: 0xEA6D6982),
        SIMDKernel(name: "clamp-f32", iterations: 6000, checksum: 0x33ABA821),
        SIMDKernel(name: "dot-f32", iterations: 20_000, checksum: 0xC7A16908),
        SIMDKernel(name: "fir-i16", iterations: 3000, checksum: 0x7F129845),
        SIMDKernel(name: "gf256", iterations: 6001, checksum: 0x9E61483C),
        SIMDKernel(name: "grey-u8", iterations: 5000, checksum: 0xCD9D7571),
        SIMDKernel(name: "hash-i64", iterations: 5000, checksum: 0x60B8FA85),
        SIMDKernel(name: "mandelbrot-f64", iterations: 4000, checksum: 0x004C444C),
        SIMDKernel(name: "matrix-f32", iterations: 4000, checksum: 0xD2AC2EC2),
        SIMDKernel(name: "memchr", iterations: 5000, checksum: 0x97618F80),
        SIMDKernel(name: "popcount", iterations: 8000, checksum: 0x1F50D880),
        SIMDKernel(name: "quantize-f32", iterations: 2000, checksum: 0x24FF0000),
        SIMDKernel(name: "sort-f32", iterations: 3000, checksum: 0x5C17F8C8),
        SIMDKernel(name: "transpose-i32", iterations: 2000, checksum: 0x052C5A5E),
        SIMDKernel(name: "utf8", iterations: 3000, checksum: 0x0160A940),
    ]

    var call: GuestCall {
        GuestCall(export: "run", arguments: [.i32(iterations)])
    }

    /// The kernel in the binary format.
    func module(in guests: String) throws -> [UInt8] {
        let path = "\(guests)/simd/\(name).wat"
        return try WasmText.encode(readFile(path), fileName: path)
    }
}
