//! The modules whose fresh-instance cycle is measured.
//!
//! They lie in `Benchmarks/guests` as text and as bytes. `touch.wasm` stands there without its image: four mebibytes of
//! initialised memory would be four mebibytes of repository, so the data section, a module's last, is appended here.
//! The image is dense (no byte pattern repeats from page to page), because engines treat sparse ones differently.

import Glibc

/// A case of the `cycle` command.
struct CycleCase: Sendable {
    var name: String
    var module: [UInt8]
    var call: GuestCall?
    /// The call's result where it is known beforehand; otherwise the contenders must agree.
    var expected: UInt32?

    /// A WASI context is made in each cycle of a module that names the WASI module among its imports. (One that
    /// merely holds the name in its data gets an unused context, on every contender.)
    var needsWASI: Bool { module.contains(Array("wasi_snapshot_preview1".utf8)) }
}

struct Guests: Sendable {
    /// Where the package's guests lie: beside this file's folder in the source tree it was built from.
    static var defaultDirectory: String {
        "\(#filePath)".split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
            + "/guests"
    }

    private static let hostPage = 4096
    private static let imagePages = 1024

    var directory: String

    /// The package's own cases, then QuickJS where the corpus is there.
    func cases(corpus: String) throws -> [CycleCase] {
        let withImage = try module("touch") + Self.dataSection(Self.image)
        var cases = [
            CycleCase(name: "empty", module: try module("empty")),
            CycleCase(name: "one-page", module: try module("one-page")),
            CycleCase(name: "data-segment", module: try module("data-segment")),
            CycleCase(name: "image-4mib", module: withImage),
        ]
        for pages in [0, 1, 16, 64, 256] {
            cases.append(
                CycleCase(
                    name: "image-4mib, touch(\(pages))", module: withImage,
                    call: GuestCall(export: "touch", arguments: [.i32(Int32(pages))]),
                    expected: Self.touchResult(pages: pages)))
        }
        let quickJS = "\(corpus)/qjs.wasm"
        if fileExists(quickJS) {
            let bytes = try readFile(quickJS)
            cases.append(CycleCase(name: "quickjs", module: bytes))
            cases.append(
                CycleCase(
                    name: "quickjs, run(10)", module: bytes, call: GuestCall(export: "run", arguments: [.i32(10)])))
        }
        return cases
    }

    private func module(_ name: String) throws -> [UInt8] {
        try readFile("\(directory)/\(name).wasm")
    }

    /// Four mebibytes of noise: SplitMix64 from a fixed seed.
    static let image: [UInt8] = {
        var state: UInt64 = 0x6D61_7966_6C79
        var bytes = [UInt8](repeating: 0, count: imagePages * hostPage)
        for index in stride(from: 0, to: bytes.count, by: 8) {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            word ^= word >> 31
            for byte in 0..<8 { bytes[index + byte] = UInt8(truncatingIfNeeded: word >> (8 * UInt64(byte))) }
        }
        return bytes
    }()

    /// What `touch` (see touch.wat) returns in a fresh instance.
    static func touchResult(pages: Int) -> UInt32 {
        (0..<pages).reduce(0) { sum, page in
            sum + UInt32(image[(page * 409 % imagePages) * hostPage + (page * 72) % hostPage])
        }
    }

    /// A data section with one active segment at address zero.
    static func dataSection(_ bytes: [UInt8]) -> [UInt8] {
        // One segment; memory 0; i32.const 0; end.
        let content = [1, 0, 0x41, 0, 0x0B] + leb128(bytes.count) + bytes
        return [11] + leb128(content.count) + content
    }

    private static func leb128(_ value: Int) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        repeat {
            let low = UInt8(rest & 0x7F)
            rest >>= 7
            bytes.append(rest == 0 ? low : low | 0x80)
        } while rest != 0
        return bytes
    }
}
