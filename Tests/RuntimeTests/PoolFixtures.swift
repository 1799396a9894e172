//! What the pool's tests share: small images, a way to try an address without crashing, seeded randomness.

import CPlatform
import Compiler
import Glibc
import Runtime
import Synchronization

let wasmPage = 65_536

/// Deterministic and printable.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Whether the kernel can read a byte there: a pipe's write answers EFAULT where a load would crash.
func isReadable(_ address: UnsafeRawPointer) -> Bool {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return false }
    defer {
        close(ends[0])
        close(ends[1])
    }
    return write(ends[1], address, 1) == 1
}

/// Whether the kernel can write a byte there; if so the byte becomes `value`.
func isWritable(_ address: UnsafeMutableRawPointer, value: UInt8 = 0) -> Bool {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return false }
    defer {
        close(ends[0])
        close(ends[1])
    }
    var value = value
    guard write(ends[1], &value, 1) == 1 else { return false }
    return read(ends[0], address, 1) == 1
}

/// On this thread, lets `after` system calls of a kind pass and makes the next `times` fail.
func fail(_ kind: Int, after: Int = 0, times: Int, error: Int32 = ENOMEM) {
    mayfly_test_fail_next(Int32(kind), Int32(after), Int32(times), error)
}

typealias Segment = InstanceImage.Segment
typealias Memory = InstanceImage.Memory
typealias Table = InstanceImage.Table

private let lastUnique = Atomic<UInt64>(0)

/// Bytes that no other image in the process has, none of them zero: images that are alike share their file, and tests run
/// beside each other.
func uniqueBytes(_ count: Int, _ value: UInt8 = 3) -> [UInt8] {
    var bytes = [UInt8](repeating: value, count: count)
    var number = lastUnique.wrappingAdd(1, ordering: .relaxed).newValue
    for index in 0..<min(8, count) {
        bytes[index] = UInt8(number % 255) + 1
        number /= 255
    }
    return bytes
}

func segment(_ offset: Int, _ bytes: [UInt8]) -> Segment { Segment(offset: UInt64(offset), bytes: bytes[...]) }

/// An image of a module with the given parts. The context holds two type ids and `globals` globals of recognizable
/// bytes.
func makeImage(
    pages: Int? = 1, maximumPages: Int? = nil, segments: [Segment] = [], tables: [Table] = [], globals: Int = 4
) throws(PoolError) -> InstanceImage {
    let layout = VMContextLayout(
        typeCount: 2, tableCount: tables.count, memoryCount: pages == nil ? 0 : 1, globalCount: globals)
    var context = [UInt8](repeating: 0, count: layout.size - VMContextLayout.headerSize)
    for type in 0..<2 { context[layout.signature(type) - VMContextLayout.headerSize] = UInt8(100 + type) }
    for global in 0..<globals {
        for byte in 0..<16 {
            context[layout.global(global) - VMContextLayout.headerSize + byte] = UInt8(global & 15 + 1)
        }
    }
    let memory = pages.map { pages in
        Memory(
            initialBytes: UInt64(pages * wasmPage), maximumBytes: maximumPages.map { UInt64($0 * wasmPage) },
            segments: segments)
    }
    return try InstanceImage(layout: layout, memory: memory, context: context, tables: tables)
}

extension PoolPolicies {
    /// The three ways to reset, with the usual way to grow.
    static let discarding = PoolPolicies(reset: .discard, growth: .protect)
    static let scanning = PoolPolicies(reset: .scan, growth: .protect)
    static let tracking = PoolPolicies(reset: .track, growth: .protect)

    /// Those that keep pages between runs.
    static let keeping = all.filter { $0.reset != .discard }
    /// Each way to reset once, for what growth has no part in.
    static let resets = all.filter { $0.growth == .protect }
    static let guardedResets = resets.filter { !$0.isDense }
    /// Each way to grow by system calls once, for what resetting has no part in.
    static let growths = guarded.filter { $0.reset == .discard }
    /// Those that ask the kernel about faults.
    static let trackings = all.filter { $0.reset == .track }
}

/// For tests that are processes of their own.
extension PoolPolicies: Codable {
    init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        self.init(
            reset: ResetPolicy(rawValue: try values.decode(String.self))!,
            growth: GrowthPolicy(rawValue: try values.decode(String.self))!, isDense: try values.decode(Bool.self))
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        try values.encode(reset.rawValue)
        try values.encode(growth.rawValue)
        try values.encode(isDense)
    }
}

/// Whether the kernel has what tracking needs.
let tracks = !PoolPolicies.trackings.isEmpty

/// A small pool that never waits and has no thread of its own, unless a test is about these. Memories of dense slots have
/// 16 MiB at most.
func makePool(
    _ policies: PoolPolicies = .discarding, slots: Int = 1, spareSlots: Int = 0, maximumMemoryBytes: UInt64 = 4 << 30,
    stackBytes: Int = 256 << 10, contextBytes: Int = 64 << 10, tableElements: Int = 4096, warmBytes: Int = 512 << 20,
    idleTime: Duration? = nil, exhaustionWait: Duration = .zero,
    slotsPerTemplate: Int = .max
) throws(PoolError) -> Pool {
    let configuration = PoolConfiguration(
        slotCount: slots, spareSlots: spareSlots, maximumMemoryBytes: maximumMemoryBytes, stackBytes: stackBytes,
        contextBytes: contextBytes, tableElements: tableElements, resetPolicy: policies.reset,
        growthPolicy: policies.growth, warmBytes: warmBytes, idleTime: idleTime, exhaustionWait: exhaustionWait,
        slotsPerTemplate: slotsPerTemplate)
    guard policies.isDense else { return try Pool(configuration) }
    let dense = DenseClass(
        maximumMemoryBytes: min(maximumMemoryBytes, 16 << 20), slotCount: slots, spareSlots: spareSlots,
        stackBytes: stackBytes, contextBytes: contextBytes, tableElements: tableElements)
    return try Pool(dense, configuration)
}

extension Pool {
    /// Releases a slot of which only is known whether anything was done in it.
    func release(_ slot: Slot, wasEntered: Bool) { release(slot, after: wasEntered ? .unknown : SlotUse()) }

    /// A whole tenancy on this thread, noted as the runtime does it: before anything is written.
    func run(_ image: InstanceImage, _ body: (Slot) throws -> Void) throws {
        let slot = try acquire(image)
        release(slot, after: try slot.noting(body))
    }
}

extension Slot {
    /// What was done in `body`, all of it on this thread, as the pool wants to know it.
    func noting(_ body: (Slot) throws -> Void) rethrows -> SlotUse {
        var use = SlotUse()
        use.note()
        try body(self)
        return use
    }
}

extension Slot {
    func byte(_ offset: Int) -> UInt8 { memoryBase.load(fromByteOffset: offset, as: UInt8.self) }
    func setByte(_ offset: Int, _ value: UInt8) {
        memoryBase.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }
    func contextWord(_ offset: Int) -> UInt64 { context.load(fromByteOffset: offset, as: UInt64.self) }
    var memoryLength: Int { Int(contextWord(VMContextLayout.memoryLength)) }
    func table(_ index: Int, of image: InstanceImage) -> UnsafeMutableBufferPointer<UInt64> {
        UnsafeMutableBufferPointer(
            start: UnsafeMutablePointer(bitPattern: UInt(contextWord(image.layout.tableBase(index)))),
            count: Int(contextWord(image.layout.tableLength(index))))
    }

    /// Does what a hostile guest can: writes everywhere it may, at random places, and leaves its stack full.
    func vandalize(_ image: InstanceImage, using random: inout SplitMix64) {
        let length = memoryLength
        if length > 0 {
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                setByte(Int.random(in: 0..<length, using: &random), UInt8.random(in: 0...255, using: &random))
            }
            setByte(0, 0xEE)
            setByte(length - 1, 0xEE)
        }
        for offset in stride(from: image.layout.mutableStart, to: image.layout.size, by: 8) {
            context.storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
        }
        // What runs leave in the header.
        for offset in [
            VMContextLayout.request, VMContextLayout.hostStackPointer, VMContextLayout.guestStackPointer,
            VMContextLayout.guestFramePointer, VMContextLayout.trapProgramCounter, VMContextLayout.trapFramePointer,
            VMContextLayout.trapAddress, VMContextLayout.trapSignal,
        ] { context.storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self) }
        for index in 0..<image.layout.tableCount where !immutableTables(image).contains(index) {
            let elements = table(index, of: image)
            for element in elements.indices { elements[element] = random.next() }
        }
        let depth = Int.random(in: 64...(stackTop - stackLimit), using: &random)
        memset(stackTop - depth, 0xEE, depth)
    }

    /// Tables of the image that lie outside the slot: those may not be written, and cannot be.
    private func immutableTables(_ image: InstanceImage) -> [Int] {
        (0..<image.layout.tableCount).filter {
            let table = table($0, of: image)
            return table.count > 0 && !isWritable(UnsafeMutableRawPointer(table.baseAddress!))
        }
    }
}

/// Images that differ in everything a slot has to change for: where their data is, how large they are, their tables.
struct ImageZoo {
    /// Data on two pages, which is copied where pages are kept.
    let copied: InstanceImage
    /// Data on 24 pages, which is mapped.
    let mapped: InstanceImage
    /// The same span with other data: the same places of a slot are mapped.
    let mappedToo: InstanceImage
    /// Data over more than 16 MiB, the end of which shares a page with what is mapped and so is copied.
    let scattered: InstanceImage
    /// A large memory with nothing in it.
    let empty: InstanceImage
    /// A memory of no pages, and none at all.
    let pageless: InstanceImage
    let memoryless: InstanceImage
    /// Cannot grow.
    let fixed: InstanceImage

    var all: [InstanceImage] { [copied, mapped, mappedToo, scattered, empty, pageless, memoryless, fixed] }

    /// - Parameter policies: of the pool that its images have to fit into.
    init(for policies: PoolPolicies = .discarding) throws {
        let block = [UInt8](repeating: 0x55, count: 24 * 4096)
        copied = try makeImage(
            pages: 4, segments: [segment(5000, [1, 2, 3]), segment(9000, [4])],
            tables: [Table(elements: Array(repeating: 9, count: 900), maximum: 1500)])
        mapped = try makeImage(pages: 8, maximumPages: 200, segments: [segment(4096, block)], globals: 20)
        mappedToo = try makeImage(pages: 3, segments: [segment(4096, block.map { ~$0 })])
        let end = policies.isDense ? 15 << 20 : 16 << 20
        scattered = try makeImage(
            pages: policies.pages(272),
            segments: [
                segment(2048, [1, 2]), segment(30_000, block), segment(end + 2040, [3]), segment(end + 3000, [4, 5]),
            ])
        empty = try makeImage(pages: 40, globals: 200)
        pageless = try makeImage(pages: 0, tables: [Table(elements: [1, 2], isImmutable: true)])
        memoryless = try makeImage(pages: nil, tables: [Table(elements: Array(repeating: 4, count: 2000))])
        fixed = try makeImage(pages: 2, maximumPages: 2, segments: [segment(70_000, [8])])
    }
}
