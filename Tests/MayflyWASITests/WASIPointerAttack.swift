//! Attacks on the addresses and lengths of a call, derived from the roles of its arguments, and what must come of them.

import Foundation
import Testing

@testable import MayflyWASI

/// A well-formed call with some addresses, counts or vectors changed.
struct WASIAttack {
    enum Expectation: Equatable {
        /// The call does what it does unchanged.
        case asWellFormed
        case succeeds
        /// With nothing done.
        case fails(Errno)
        /// With nothing done if it is a fault.
        case anything
    }

    /// A changed entry of an array of vectors.
    struct Vector: Equatable {
        var base: UInt32?
        var length: UInt32?
    }

    let label: String
    let expectation: Expectation
    /// By the index of the argument.
    var addresses: [Int: UInt32] = [:]
    var counts: [Int: UInt32] = [:]
    var vectors: [Int: Vector] = [:]

    static let wellFormed = WASIAttack(label: "well-formed", expectation: .asWellFormed)
}

// MARK: Which attacks there are

extension WASIAttack {
    private static let limit = 1 << 32
    /// Memories of which nobody wants to see every byte used.
    private static let hugeSize = 1 << 24

    /// Where an argument lies unless an attack says otherwise. All below 64 KiB, and apart.
    static func defaultAddress(_ argument: Int) -> Int { 0x1000 * (argument + 2) }
    static func defaultVectorAddress(_ vector: Int) -> Int { 0xC000 + 0x400 * vector }

    /// All attacks on one call in a memory of the given size.
    static func all(on call: WASICall, memorySize size: Int) -> [WASIAttack] {
        var attacks: [WASIAttack] = []
        for (index, pointer) in call.pointers {
            attacks += onAddress(index, pointer, size)
            if let count = call.countIndex(of: index) { attacks += onCount(index, pointer, count, size) }
            for vector in Set([0, pointer.vectorSizes.count / 2, pointer.vectorSizes.count - 1]).sorted()
            where pointer.vectorSizes.indices.contains(vector) {
                attacks += onVector(vector, pointer, size)
            }
        }
        return attacks + overlaps(call)
    }

    private static func onAddress(_ index: Int, _ pointer: WASIPointer, _ size: Int) -> [WASIAttack] {
        let extent = pointer.extent
        let addresses: Set = [
            0, size - extent, size - extent + 1, size - 1, size, size + 1, 1 << 31, 1 << 31 - 1, limit - 1,
            limit - extent, limit - extent + 1, limit - extent / 2, limit - size,
        ]
        return addresses.filter { 0..<limit ~= $0 }.sorted().map { address in
            WASIAttack(
                label: "argument \(index) at \(hexadecimal(address))",
                expectation: address + extent <= size ? .asWellFormed : .fails(.fault),
                addresses: [index: UInt32(address)])
        }
    }

    private static func onCount(
        _ index: Int, _ pointer: WASIPointer, _ countIndex: Int, _ size: Int
    ) -> [WASIAttack] {
        let usual = defaultAddress(index)
        let stride = pointer.stride
        let whole = size / stride
        // The product with the stride wraps to nothing, to one element, and to less than one.
        let wrapping = limit / stride
        let pairs: [(address: Int, count: Int)] = [
            (usual, 0), (0, 0), (size, 0), (size + 1, 0), (limit - 1, 0), (0, whole), (0, whole + 1), (usual, whole),
            (usual, limit - 1), (0, limit - 1), (1, limit - 1), (limit - 1, limit - 1), (size, 1), (size - 1, 2),
            (size, limit - 1), (usual, wrapping), (usual, wrapping + 1), (usual, wrapping - 1), (0, 1 << 31),
            (usual, (limit - usual) / stride), (usual, (limit - usual) / stride + 1), (1 << 31, 1 << 31),
        ]
        return pairs.filter { 0..<limit ~= $0.address && 0..<limit ~= $0.count }.compactMap { address, count in
            let fits = address + count * stride <= size
            if fits && count * stride > hugeSize { return nil }
            let expectation: Expectation =
                if count > pointer.maximumCount ?? .max || count == 0 && pointer.maximumCount != nil {
                    .fails(.inval)
                } else if !fits {
                    .fails(.fault)
                } else if count == 0 {
                    pointer.whenEmpty == .success ? .succeeds : .fails(pointer.whenEmpty)
                } else if count == whole, let error = pointer.whenWhole {
                    error == .success ? .succeeds : .fails(error)
                } else {
                    .anything
                }
            return WASIAttack(
                label: "\(count) at \(hexadecimal(address)) in argument \(index)", expectation: expectation,
                addresses: [index: UInt32(address)], counts: [countIndex: UInt32(count)])
        }
    }

    private static func onVector(_ vector: Int, _ pointer: WASIPointer, _ size: Int) -> [WASIAttack] {
        let length = pointer.vectorSizes[vector]
        let usual = defaultVectorAddress(vector)
        let bases: Set = [
            0, size - length, size - length + 1, size - 1, size, size + 1, 1 << 31, limit - 1, limit - length,
            limit - length + 1, limit - size,
        ]
        let moved = bases.filter { 0..<limit ~= $0 }.sorted().map { base in
            WASIAttack(
                label: "vector \(vector) at \(hexadecimal(base))",
                expectation: base + length <= size ? .asWellFormed : .fails(.fault),
                vectors: [vector: Vector(base: UInt32(base))])
        }
        let pairs: [(base: Int, length: Int)] = [
            (usual, 0), (size, 0), (size + 1, 0), (limit - 1, 0), (0, size), (1, size), (0, size + 1),
            (0, limit - 1), (usual, limit - 1), (1, limit - 1), (limit - 1, limit - 1), (limit - 1, 1),
            (size - 1, 1), (size - 1, 2), (usual, limit - usual), (usual, limit - usual + 1), (1 << 31, 1 << 31),
            (0, 1 << 31),
        ]
        let resized = pairs.filter { 0..<limit ~= $0.base && 0..<limit ~= $0.length }.compactMap { base, length in
            let fits = base + length <= size
            // Two gigabytes of file are no better a test than a hundred kilobytes.
            if fits && length > hugeSize { return WASIAttack?.none }
            return WASIAttack(
                label: "vector \(vector) of \(length) at \(hexadecimal(base))",
                expectation: fits ? .succeeds : .fails(.fault),
                vectors: [vector: Vector(base: UInt32(base), length: UInt32(length))])
        }
        return moved + resized
    }

    /// Every pair of things in memory in one place, and partly in one place.
    private static func overlaps(_ call: WASICall) -> [WASIAttack] {
        var attacks: [WASIAttack] = []
        let pointers = call.pointers
        func shifts(_ first: Int, _ second: Int) -> [Int] {
            Set([0, 1, first / 2, first - 1, -1, -second / 2, 1 - second]).sorted()
        }
        for (index, pointer) in pointers {
            for (other, moved) in pointers where other != index {
                for shift in shifts(pointer.extent, moved.extent) {
                    attacks.append(
                        WASIAttack(
                            label: "argument \(other) over argument \(index), shifted by \(shift)",
                            expectation: .anything,
                            addresses: [other: UInt32(defaultAddress(index) + shift)]))
                }
            }
            for vector in pointer.vectorSizes.indices {
                // Over the array itself, over the other arguments, over the other vectors.
                for (other, covered) in pointers {
                    for shift in [-1, 0, covered.extent / 2] {
                        attacks.append(
                            WASIAttack(
                                label: "vector \(vector) over argument \(other), shifted by \(shift)",
                                expectation: .anything,
                                vectors: [vector: Vector(base: UInt32(defaultAddress(other) + shift))]))
                    }
                }
                for other in pointer.vectorSizes.indices where other != vector {
                    for shift in [-1, 0, 1] {
                        attacks.append(
                            WASIAttack(
                                label: "vector \(vector) over vector \(other), shifted by \(shift)",
                                expectation: .anything,
                                vectors: [vector: Vector(base: UInt32(defaultVectorAddress(other) + shift))]))
                    }
                }
            }
        }
        return attacks
    }
}

private func hexadecimal(_ number: Int) -> String { "0x" + String(number, radix: 16) }

// MARK: What comes of them

/// A call laid out in a guest's memory.
struct WASILaidOutCall {
    let arguments: [UInt64]
    /// Where the call may write if it succeeds.
    let outputs: [Range<Int>]

    init(_ call: WASICall, _ attack: WASIAttack, in guest: some WASIGuest) {
        let size = guest.memorySize
        func place(_ bytes: [UInt8], at address: Int) {
            if address + bytes.count <= size { guest.write(bytes, at: address) }
        }
        var arguments: [UInt64] = call.arguments.map { if case .value(let value) = $0 { value } else { 0 } }
        for (index, pointer) in call.pointers {
            let address = attack.addresses[index].map(Int.init) ?? WASIAttack.defaultAddress(index)
            arguments[index] = UInt64(address)
            if let count = call.countIndex(of: index) {
                arguments[count] = attack.counts[count].map(UInt64.init) ?? UInt64(pointer.count)
            }
        }
        // What vectors describe comes first, so that a vector over the array leaves the array what it is.
        for (index, pointer) in call.pointers {
            var array: [UInt8] = []
            for (vector, length) in pointer.vectorSizes.enumerated() {
                let change = attack.vectors[vector] ?? WASIAttack.Vector()
                let base = change.base ?? UInt32(WASIAttack.defaultVectorAddress(vector))
                if case .readsVectors(let contents) = pointer.use { place(contents[vector], at: Int(base)) }
                array += littleEndian(base) + littleEndian(change.length ?? UInt32(length))
            }
            switch pointer.use {
            case .reads(let bytes), .readsRecords(let bytes, _): place(bytes, at: Int(arguments[index]))
            default: place(array, at: Int(arguments[index]))
            }
        }

        var outputs: [Range<Int>] = []
        for (index, pointer) in call.pointers {
            let address = Int(arguments[index])
            let count = call.countIndex(of: index).map { Int(arguments[$0]) } ?? pointer.count
            switch pointer.use {
            case .stores, .fills: outputs.append(address..<address + count * pointer.stride)
            case .fillsVectors where address + count * 8 <= size:
                for vector in 0..<min(count, 1024) {
                    let base = Int(guest.loadInteger(UInt32.self, at: address + vector * 8))
                    let length = Int(guest.loadInteger(UInt32.self, at: address + vector * 8 + 4))
                    outputs.append(base..<base + length)
                }
            default: break
            }
        }
        self.arguments = arguments
        self.outputs = outputs.map { min($0.lowerBound, size)..<min($0.upperBound, size) }
    }
}

/// Parts of a guest's memory as they are now.
struct WASIMemoryImage {
    private var parts: [(range: Range<Int>, bytes: [UInt8])]

    /// The whole memory, or of a huge one both ends and the middle.
    init(of guest: some WASIGuest) {
        let size = guest.memorySize
        let ranges =
            size <= 1 << 20
            ? [0..<size] : [0..<1 << 17, size / 2 - 1 << 16..<size / 2 + 1 << 16, size - 1 << 17..<size]
        parts = ranges.map { ($0, guest.read(at: $0.lowerBound, count: $0.count)) }
    }

    /// Forgets what lies in some ranges.
    mutating func blank(_ ranges: [Range<Int>]) {
        for index in parts.indices {
            let part = parts[index].range
            for range in ranges {
                let common = range.clamped(to: part)
                if common.isEmpty { continue }
                let local = common.lowerBound - part.lowerBound..<common.upperBound - part.lowerBound
                parts[index].bytes.withUnsafeMutableBytes { bytes in
                    _ = memset(bytes.baseAddress! + local.lowerBound, 0, local.count)
                }
            }
        }
    }

    /// The first address where two images differ.
    func firstDifference(from other: WASIMemoryImage) -> Int? {
        for (mine, theirs) in zip(parts, other.parts) {
            let same = mine.bytes.withUnsafeBytes { first in
                theirs.bytes.withUnsafeBytes { memcmp(first.baseAddress!, $0.baseAddress!, first.count) == 0 }
            }
            if same { continue }
            return zip(mine.bytes, theirs.bytes).enumerated().first { $1.0 != $1.1 }.map {
                mine.range.lowerBound + $0.offset
            }
        }
        return nil
    }
}

/// What a call unchanged comes to, and no call at all.
struct WASIControl {
    let untouched: WASIScene.State
    let wellFormed: WASIScene.State
    let outputs: [[UInt8]]

    init<Guest: WASIGuest>(_ call: WASICall, _ makeGuest: (WASI.Configuration) throws -> Guest) throws {
        func outcome(_ attack: WASIAttack?) throws -> (WASIScene.State, [[UInt8]]) {
            let scene = try WASIScene()
            let guest = try makeGuest(scene.configuration())
            scene.open(for: guest)
            var outputs: [[UInt8]] = []
            if let attack {
                let laidOut = WASILaidOutCall(call, attack, in: guest)
                let error = guest.call(call.name, laidOut.arguments)
                #expect(error == call.expected, "\(call)")
                outputs = laidOut.outputs.map { guest.read(at: $0.lowerBound, count: $0.count) }
            }
            return (scene.state(guest), outputs)
        }
        untouched = try outcome(nil).0
        (wellFormed, outputs) = try outcome(.wellFormed)
    }

    /// Makes the attack in a scene of its own and checks what came of it.
    func check<Guest: WASIGuest>(
        _ call: WASICall, _ attack: WASIAttack, _ makeGuest: (WASI.Configuration) throws -> Guest,
        afterwards: (Guest) -> Void = { _ in }
    ) throws {
        let scene = try WASIScene()
        let guest = try makeGuest(scene.configuration())
        scene.open(for: guest)
        let laidOut = WASILaidOutCall(call, attack, in: guest)
        var before = WASIMemoryImage(of: guest)
        let error = guest.call(call.name, laidOut.arguments)
        var after = WASIMemoryImage(of: guest)
        let what = "\(call), \(attack.label)"

        if error == .success {
            before.blank(laidOut.outputs)
            after.blank(laidOut.outputs)
        }
        let difference = after.firstDifference(from: before).map { "0x" + String($0, radix: 16) }
        #expect(difference == nil, "\(what): \(error)")
        afterwards(guest)

        if call.expected != .success {
            // What fails anyhow may find that out before or after it looks at the memory.
            #expect(error == call.expected || error == .fault, "\(what)")
            #expect(scene.state(guest) == untouched, "\(what)")
            return
        }
        switch attack.expectation {
        case .asWellFormed:
            #expect(error == .success, "\(what)")
            let outputs = laidOut.outputs.map { guest.read(at: $0.lowerBound, count: $0.count) }
            if call.isRepeatable { #expect(outputs == self.outputs, "\(what)") }
            let state = scene.state(guest)
            #expect(state == wellFormed, "\(what)")
        case .succeeds: #expect(error == .success, "\(what)")
        case .fails(let expected):
            #expect(error == expected, "\(what)")
            #expect(scene.state(guest) == untouched, "\(what)")
        case .anything:
            if error == .fault { #expect(scene.state(guest) == untouched, "\(what)") }
        }
    }
}
