//! What the pool's tests share: small images, a way to try an address without crashing, seeded randomness.

import CPlatform
import Compiler
import Glibc
import Runtime

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
    var memories: [Memory] = []
    if let pages {
        memories = [
            Memory(
                initialBytes: UInt64(pages * wasmPage), maximumBytes: maximumPages.map { UInt64($0 * wasmPage) },
                segments: segments)
        ]
    }
    return try InstanceImage(layout: layout, memories: memories, context: context, tables: tables)
}

func makePool(
    slots: Int = 1, maximumMemoryBytes: UInt64 = 4 << 30, tableElements: Int = 4096
) throws(PoolError) -> Pool {
    try Pool(
        PoolConfiguration(
            slotCount: slots, maximumMemoryBytes: maximumMemoryBytes, stackBytes: 256 << 10, contextBytes: 64 << 10,
            tableElements: tableElements))
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

    /// Tables of the image that lie outside the slot: those may not be written.
    private func immutableTables(_ image: InstanceImage) -> [Int] {
        (0..<image.layout.tableCount).filter {
            let base = Int(contextWord(image.layout.tableBase($0)))
            let start = Int(bitPattern: context)
            return base < start || base > start + (64 << 20)
        }
    }
}
