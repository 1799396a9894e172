//! A compiled module as bytes: header, the module's binary, the code and the tables that explain it.
//!
//! The format is nobody's but one version's of this library on one kind of processor: `formatVersion` and the hash of the ABI
//! change with it, and a mismatch means "compile again". A checksum finds damage. Nothing finds malice: the content is native
//! code, trusted as much as the program that loads it. All the same, the parser itself checks every length, and `fits` all
//! offsets, so that an accident does not become a crash.
//!
//!     magic "MAYFLYC\0" · version u32 · ABI hash u64 · processor features u32 · checksum of the rest u64
//!     exit, end of functions u32 · bounds checks, instruction set u8 · layout 4 × u64 · then, each with its u64 count:
//!     binary, text, trap codes, written tables u8 · function, entry, import, trap offsets, source positions (two lists) u32

import Compiler
import Runtime
import WasmModule

struct Artifact {
    static let magic: [UInt8] = Array("MAYFLYC\0".utf8)
    /// To be raised whenever the meaning of the bytes changes: instruction sequences, conventions, or this format.
    static let formatVersion: UInt32 = 4

    var binary: [UInt8]
    var code: CompiledCode

    init(module: ModuleCore) {
        binary = module.decoded.bytes
        code = module.code
        code.text = module.text
    }

    private var instructionSet: CodeSettings.InstructionSet { code.settings.instructionSet ?? .v3 }

    /// The numbers that code has built in.
    private static let abiHash: UInt64 = {
        var hash = Checksum()
        let layout = VMContextLayout(typeCount: 3, tableCount: 5, memoryCount: 2, globalCount: 7)
        let numbers = [
            VMContextLayout.stackLimit, VMContextLayout.request, VMContextLayout.memoryBase,
            VMContextLayout.memoryLength, VMContextLayout.functionRecords, VMContextLayout.hostStackPointer,
            VMContextLayout.guestStackPointer, VMContextLayout.guestFramePointer, VMContextLayout.hostDispatch,
            VMContextLayout.runtimeDispatch, VMContextLayout.hostData, VMContextLayout.exitStub,
            VMContextLayout.headerSize, layout.signature(2), layout.tableBase(4), layout.tableLength(4),
            layout.memoryBase(1), layout.memoryLength(1), layout.global(6), layout.size,
            FunctionRecord.code, FunctionRecord.signature, FunctionRecord.context, FunctionRecord.index,
            FunctionRecord.size, RuntimeFunction.allCases.count, TrapCode.allCases.count,
        ]
        for number in numbers { hash.add(UInt64(number)) }
        return hash.value
    }()

    // MARK: Writing

    func serialized() -> [UInt8] {
        var body = Writer()
        body.put(code.exitOffset)
        body.put(code.functionsEnd)
        body.put(code.settings.boundsChecks.rawValue)
        body.put(instructionSet.rawValue)
        for count in [code.layout.typeCount, code.layout.tableCount, code.layout.memoryCount, code.layout.globalCount] {
            body.put(UInt64(count))
        }
        body.put(binary)
        body.put(code.text)
        body.put(code.trapCodes.map(\.rawValue))
        body.put(code.writtenTables.map { UInt8($0 ? 1 : 0) })
        body.put(code.functionOffsets)
        body.put(code.entryOffsets)
        body.put(code.importOffsets)
        body.put(code.trapOffsets)
        body.put(code.sourceCodeOffsets)
        body.put(code.sourceOffsets)
        var checksum = Checksum()
        checksum.add(body.bytes[...])
        var header = Writer()
        header.bytes = Self.magic
        header.put(Self.formatVersion)
        header.put(Self.abiHash)
        header.put(ProcessorFeatures.needed(by: instructionSet).rawValue)
        header.put(checksum.value)
        return header.bytes + body.bytes
    }

    private struct Writer {
        var bytes: [UInt8] = []

        mutating func put<Number: FixedWidthInteger>(_ value: Number) {
            withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
        }
        mutating func put<Number: FixedWidthInteger>(_ values: [Number]) {
            put(UInt64(values.count))
            // Little-endian, as the only processor this runs on.
            values.withUnsafeBytes { bytes += $0 }
        }
    }

    // MARK: Reading

    init(parsing bytes: [UInt8]) throws(ArtifactError) {
        guard bytes.starts(with: Self.magic) else { throw .notAnArtifact }
        var reader = Reader(bytes: bytes, position: Self.magic.count)
        guard try reader.number(UInt32.self) == Self.formatVersion, try reader.number(UInt64.self) == Self.abiHash
        else {
            throw .versionMismatch
        }
        let features = ProcessorFeatures(rawValue: try reader.number(UInt32.self))
        guard features.isSubset(of: .present) else { throw .processorMismatch }
        let sum = try reader.number(UInt64.self)
        var checksum = Checksum()
        checksum.add(bytes[reader.position...])
        guard checksum.value == sum else { throw .corrupted }
        let exitOffset = try reader.number(UInt32.self)
        let functionsEnd = try reader.number(UInt32.self)
        guard let boundsChecks = CodeSettings.BoundsChecks(rawValue: try reader.number(UInt8.self)),
            let instructionSet = CodeSettings.InstructionSet(rawValue: try reader.number(UInt8.self)),
            features == ProcessorFeatures.needed(by: instructionSet)
        else { throw .corrupted }
        let layout = VMContextLayout(
            typeCount: try reader.count(), tableCount: try reader.count(), memoryCount: try reader.count(),
            globalCount: try reader.count())
        binary = try reader.array(UInt8.self)
        code = CompiledCode(
            layout: layout, settings: CodeSettings(boundsChecks: boundsChecks, instructionSet: instructionSet))
        code.exitOffset = exitOffset
        code.functionsEnd = functionsEnd
        code.text = try reader.array(UInt8.self)
        var trapCodes: [TrapCode] = []
        for raw in try reader.array(UInt8.self) {
            guard let trap = TrapCode(rawValue: raw) else { throw .corrupted }
            trapCodes.append(trap)
        }
        code.trapCodes = trapCodes
        let writtenTables = try reader.array(UInt8.self)
        guard writtenTables.allSatisfy({ $0 <= 1 }) else { throw .corrupted }
        code.writtenTables = writtenTables.map { $0 == 1 }
        code.functionOffsets = try reader.array(UInt32.self)
        code.entryOffsets = try reader.array(UInt32.self)
        code.importOffsets = try reader.array(UInt32.self)
        code.trapOffsets = try reader.array(UInt32.self)
        code.sourceCodeOffsets = try reader.array(UInt32.self)
        code.sourceOffsets = try reader.array(UInt32.self)
        guard reader.position == bytes.count else { throw .corrupted }
    }

    private struct Reader {
        var bytes: [UInt8]
        var position: Int

        mutating func number<Number: FixedWidthInteger>(_: Number.Type) throws(ArtifactError) -> Number {
            let size = MemoryLayout<Number>.size
            guard bytes.count - position >= size else { throw .corrupted }
            let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: Number.self) }
            position += size
            return Number(littleEndian: value)
        }
        mutating func count() throws(ArtifactError) -> Int {
            let value = try number(UInt64.self)
            guard value <= 1 << 32 else { throw .corrupted }
            return Int(value)
        }
        mutating func array<Number: FixedWidthInteger>(_: Number.Type) throws(ArtifactError) -> [Number] {
            let count = try count()
            let size = count * MemoryLayout<Number>.size
            guard bytes.count - position >= size else { throw .corrupted }
            let range = position..<position + size
            position += size
            return [Number](unsafeUninitializedCapacity: count) { target, initialized in
                bytes.withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(target).copyMemory(from: .init(rebasing: $0[range]))
                }
                initialized = count
            }
        }
    }

    /// Whether the code's tables are of the sizes that the module has, and all offsets lie in the code.
    func fits(_ module: DecodedModule) -> Bool {
        let end = UInt32(clamping: code.text.count)
        let layout = VMContextLayout(
            typeCount: module.types.count, tableCount: module.tables.count, memoryCount: module.memories.count,
            globalCount: module.globals.count)
        guard code.layout == layout, code.text.count <= Int(UInt32.max),
            code.functionOffsets.count == module.bodies.count,
            code.importOffsets.count == module.importedFunctionCount,
            code.entryOffsets.count == module.types.count,
            code.writtenTables.count == module.tables.count,
            code.trapOffsets.count == code.trapCodes.count,
            code.sourceOffsets.count == code.sourceCodeOffsets.count,
            code.functionsEnd <= end, code.exitOffset < end
        else { return false }
        // The type of no function has no entry.
        let entries = module.functions.map { code.entryOffsets[Int($0)] }
        return [code.functionOffsets, code.importOffsets, entries].allSatisfy { $0.allSatisfy { $0 < end } }
    }
}

/// FNV-1a over 8-byte words: finds accidents, quickly.
private struct Checksum {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ word: UInt64) {
        value = (value ^ word) &* 0x0000_0100_0000_01B3
        // The product moves bits upwards only.
        value ^= value >> 29
    }

    mutating func add(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset + 8 <= bytes.count {
                add(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                offset += 8
            }
            var last: UInt64 = 0
            for (index, byte) in bytes[offset...].enumerated() { last |= UInt64(byte) << (8 * UInt64(index)) }
            add(last)
            add(UInt64(bytes.count))
        }
    }
}
