//! The modules whose fresh-instance cycle is measured.
//!
//! They lie in `Benchmarks/guests` as text and as bytes. `touch.wasm` and `scatter.wasm` stand there without their
//! images: mebibytes of initialised memory would be mebibytes of repository, so the data section, a module's last, is
//! appended here. The images are dense (no byte pattern repeats from page to page), because engines treat sparse ones
//! differently.

/// A module that fresh instances are made of, and what a call in one returns.
struct GuestTemplate: Sendable {
    var module: [UInt8]
    var wasi = GuestWASI.none
    /// The call's result where it is known beforehand; otherwise the contenders must agree.
    var expected: UInt32?

    init(_ module: [UInt8], wasi: GuestWASI = .none, expected: UInt32? = nil) {
        self.module = module
        self.wasi = wasi
        self.expected = expected
    }

    /// A module from outside, which needs WASI if it names the WASI module among its imports. (One that merely holds
    /// the name in its data gets an unused context, on every contender.)
    init(examining module: [UInt8]) {
        self.module = module
        if module.contains(Array("wasi_snapshot_preview1".utf8)) { wasi = .bare }
    }
}

/// A case of the `cycle` command.
struct CycleCase: Sendable {
    var name: String
    /// One, or several that cycles take by turns. The results are known for all of them or for none.
    var templates: [GuestTemplate]
    var call: GuestCall?
    /// How many instances the pool has room for; nil takes the engine's usual pool.
    var slots: Int?
    /// Whether the pool has no more slots than that, for an engine that could keep further ones ready.
    var isStrict = false

    init(name: String, templates: [GuestTemplate], call: GuestCall? = nil, slots: Int? = nil, isStrict: Bool = false) {
        self.name = name
        self.templates = templates
        self.call = call
        self.slots = slots
        self.isStrict = isStrict
    }

    init(name: String, module: [UInt8], call: GuestCall? = nil, expected: UInt32? = nil) {
        self.init(name: name, templates: [GuestTemplate(module, expected: expected)], call: call)
    }
}

struct Guests: Sendable {
    /// Where the package's guests lie: beside this file's folder in the source tree it was built from.
    static var defaultDirectory: String {
        "\(#filePath)".split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
            + "/guests"
    }

    /// Bytes of a page of WebAssembly.
    static let wasmPage = 65536
    private static let hostPage = 4096
    private static let imagePages = 1024
    /// Of the image that is appended to `touch.wasm`.
    static let imageNoise = Noise(seed: 0x6D61_7966_6C79)

    private static let mixedTemplates = 8
    private static let mixedSlots = 4
    private static let mixedTouched = 4

    var directory: String

    /// The package's own cases, then QuickJS where the corpus is there.
    func cases(corpus: String) throws -> [CycleCase] {
        let withImage = try module("touch") + Self.dataSection(Self.imageNoise, Self.imagePages * Self.hostPage)
        var cases = [
            CycleCase(name: "empty", module: try module("empty")),
            CycleCase(name: "one-page", module: try module("one-page")),
            CycleCase(name: "data-segment", module: try module("data-segment")),
            CycleCase(name: "image-4mib", module: withImage),
        ]
        for pages in [0, 1, 16, 64, 256] {
            cases.append(
                CycleCase(
                    name: "image-4mib, touch(\(pages))", module: withImage, call: Self.call("touch", pages),
                    expected: Self.touchResult(pages: pages)))
        }
        let growing = try module("grow")
        for (export, count) in [("grow", 1), ("grow", 16), ("grow-at-once", 16)] {
            cases.append(
                CycleCase(
                    name: "\(export)(\(count))", module: growing, call: Self.call(export, count),
                    expected: export == "grow" ? Self.growResult(count) : Self.growAtOnceResult(count)))
        }
        for isStrict in [false, true] {
            let suffix = isStrict ? ", none to spare" : ""
            cases.append(try mixed("mixed-small" + suffix, pages: 17, dataBytes: 400, isStrict))
            cases.append(try mixed("mixed-image" + suffix, pages: 64, dataBytes: 64 * Self.wasmPage, isStrict))
        }
        let quickJS = "\(corpus)/qjs.wasm"
        if fileExists(quickJS) {
            let template = GuestTemplate(examining: try readFile(quickJS))
            cases.append(CycleCase(name: "quickjs", templates: [template]))
            cases.append(CycleCase(name: "quickjs, run(10)", templates: [template], call: Self.call("run", 10)))
        }
        return cases
    }

    /// A module of `scatter.wasm` whose memory of `pages` begins with so many bytes of noise.
    func scatter(_ noise: Noise, pages: Int, dataBytes: Int) throws -> [UInt8] {
        try Self.settingMemory(of: module("scatter"), pages: pages) + Self.dataSection(noise, dataBytes)
    }

    /// More templates than slots, by turns: slots change hands, from one template to another.
    private func mixed(_ name: String, pages: Int, dataBytes: Int, _ isStrict: Bool) throws -> CycleCase {
        let templates = try (0..<Self.mixedTemplates).map { index in
            let noise = Self.mixedNoise(index)
            return GuestTemplate(
                try scatter(noise, pages: pages, dataBytes: dataBytes),
                expected: Self.scatterResult(noise, pages: pages, dataBytes: dataBytes, touched: Self.mixedTouched))
        }
        return CycleCase(
            name: name, templates: templates, call: Self.call("touch", Self.mixedTouched), slots: Self.mixedSlots,
            isStrict: isStrict)
    }

    private func module(_ name: String) throws -> [UInt8] {
        try readFile("\(directory)/\(name).wasm")
    }

    static func call(_ export: String, _ argument: Int) -> GuestCall {
        GuestCall(export: export, arguments: [.i32(Int32(argument))])
    }

    // MARK: What fresh instances return

    static func mixedNoise(_ index: Int) -> Noise {
        Noise(seed: 0x6D69_7865_6400 + UInt64(index))
    }

    /// What `touch` (see touch.wat) returns.
    static func touchResult(pages: Int) -> UInt32 {
        (0..<pages).reduce(0) { sum, page in
            sum + UInt32(imageNoise.byte(at: (page * 409 % imagePages) * hostPage + (page * 72) % hostPage))
        }
    }

    /// Where `touch` of scatter.wat reads and writes in a memory of `pages`.
    static func scatterAddress(step: Int, pages: Int) -> Int {
        (step * 40503 % (pages * wasmPage / hostPage)) * hostPage + (step * 72) % hostPage
    }

    /// What `touch` of scatter.wat returns.
    static func scatterResult(_ noise: Noise, pages: Int, dataBytes: Int, touched: Int) -> UInt32 {
        (0..<touched).reduce(0) { sum, step in
            let address = scatterAddress(step: step, pages: pages)
            return address < dataBytes ? sum &+ UInt32(truncatingIfNeeded: noise.word(address / 8)) : sum
        }
    }

    /// What `grow` (see grow.wat) returns.
    static func growResult(_ count: Int) -> UInt32 {
        UInt32(count * (count + 1) / 2 + (count + 1) << 12)
    }

    /// What `grow-at-once` returns.
    static func growAtOnceResult(_ count: Int) -> UInt32 {
        UInt32(1 + (count + 1) << 12)
    }

    // MARK: Bytes of modules

    /// The module with its memory, the only one, declared to begin with `pages` and to grow without bound.
    static func settingMemory(of module: [UInt8], pages: Int) throws -> [UInt8] {
        let memorySection: UInt8 = 5
        var position = 8
        while position < module.count {
            let start = position
            position += 1
            var size = 0
            var shift = 0
            while position < module.count {
                let byte = module[position]
                position += 1
                size |= Int(byte & 0x7F) << shift
                shift += 7
                if byte & 0x80 == 0 { break }
            }
            position += size
            if module[start] == memorySection {
                // One memory, without a maximum.
                let content = [1, 0] + leb128(pages)
                return module[..<start] + [memorySection] + leb128(content.count) + content + module[position...]
            }
        }
        throw BenchmarkError("the guest has no memory section")
    }

    /// A data section with one active segment at address zero: `count` bytes of noise.
    static func dataSection(_ noise: Noise, _ count: Int) -> [UInt8] {
        // One segment; memory 0; i32.const 0; end.
        let head = [1, 0, 0x41, 0, 0x0B] + leb128(count)
        var section = [11] + leb128(head.count + count) + head
        noise.append(count, to: &section)
        return section
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
