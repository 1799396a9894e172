//! A compiled module as bytes: header, the module's binary, the tables that explain the code, and the code, which begins on a
//! page of its own so that a file of it can be mapped and run as it is.
//!
//! The format is nobody's but one version's of this library on one kind of processor: `formatVersion` and the hash of the ABI
//! change with it, and a mismatch means "compile again". A checksum finds damage. Nothing finds malice: the content is native
//! code, trusted as much as the program that loads it. All the same, the parser itself checks every length, and `fits` all
//! offsets, so that an accident does not become a crash.
//!
//!     magic "MAYFLYC\0" · version u32 · ABI hash u64 · processor features u32 · checksum of the rest u64
//!     offset and size of the text u64 · exit, end of functions u32 · bounds checks, instruction set u8 · layout 4 × u64
//!     then, each with its u64 count:
//!     binary, trap codes, written tables u8 · function, entry, import, crossing, trap offsets, source positions (two lists) u32
//!     zeros up to a page · text

import Compiler
import Runtime
import WasmModule

/// A compiled module on its way to bytes.
struct Artifact {
    static let magic: [UInt8] = Array("MAYFLYC\0".utf8)
    /// To be raised whenever the meaning of the bytes changes: instruction sequences, conventions, or this format.
    static let formatVersion: UInt32 = 5

    var binary: [UInt8]
    var code: CompiledCode

    init(module: ModuleCore) {
        binary = module.decoded.bytes
        code = module.code
        code.text = module.text
    }

    private var instructionSet: CodeSettings.InstructionSet { code.settings.instructionSet ?? .v3 }

    /// The numbers that code has built in.
    static let abiHash: UInt64 = {
        var hash = Checksum()
        let layout = VMContextLayout(typeCount: 3, tableCount: 5, memoryCount: 2, globalCount: 7)
        let numbers = [
            VMContextLayout.stackLimit, VMContextLayout.request, VMContextLayout.memoryBase,
            VMContextLayout.memoryLength, VMContextLayout.functionRecords, VMContextLayout.hostStackPointer,
            VMContextLayout.guestStackPointer, VMContextLayout.guestFramePointer, VMContextLayout.hostDispatch,
            VMContextLayout.runtimeDispatch, VMContextLayout.hostData, VMContextLayout.root, VMContextLayout.exitStub,
            VMContextLayout.headerSize, layout.signature(2), layout.tableBase(4), layout.tableLength(4),
            layout.memoryBase(1), layout.memoryLength(1), layout.global(6), layout.size,
            FunctionRecord.code, FunctionRecord.signature, FunctionRecord.context, FunctionRecord.index,
            FunctionRecord.target, Int(FunctionRecord.isForeign), FunctionRecord.size, RuntimeFunction.allCases.count,
            TrapCode.allCases.count,
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
        body.put(code.trapCodes.map(\.rawValue))
        body.put(code.writtenTables.map { UInt8($0 ? 1 : 0) })
        body.put(code.functionOffsets)
        body.put(code.entryOffsets)
        body.put(code.importOffsets)
        body.put(code.crossingOffsets)
        body.put(code.trapOffsets)
        body.put(code.sourceCodeOffsets)
        body.put(code.sourceOffsets)
        let headerSize = Self.summedFrom + 16
        let textOffset = (headerSize + body.bytes.count + Self.page - 1) & ~(Self.page - 1)

        var rest = Writer()
        rest.bytes.reserveCapacity(textOffset + code.text.count)
        rest.put(UInt64(textOffset))
        rest.put(UInt64(code.text.count))
        rest.bytes += body.bytes
        rest.bytes += [UInt8](repeating: 0, count: textOffset - headerSize - body.bytes.count)
        rest.bytes += code.text
        var checksum = Checksum()
        rest.bytes.withUnsafeBytes { checksum.add($0) }
        var header = Writer()
        header.bytes = Self.magic
        header.put(Self.formatVersion)
        header.put(Self.abiHash)
        header.put(ProcessorFeatures.needed(by: instructionSet).rawValue)
        header.put(checksum.value)
        return header.bytes + rest.bytes
    }

    /// Where what the checksum covers begins.
    fileprivate static let summedFrom = 32
    fileprivate static let page = 4096

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
}

/// A compiled module read from bytes, which must outlive it: the module's binary and the code stay where they are.
struct ParsedArtifact {
    /// Without its text.
    private(set) var code: CompiledCode
    /// The module's binary format, in the bytes.
    let binary: Range<Int>
    /// The code, in the bytes; at a multiple of the page.
    let text: Range<Int>

    init(_ bytes: UnsafeRawBufferPointer) throws(ArtifactError) {
        guard bytes.prefix(Artifact.magic.count).elementsEqual(Artifact.magic) else { throw .notAnArtifact }
        var reader = Reader(bytes: bytes, position: Artifact.magic.count)
        guard try reader.number(UInt32.self) == Artifact.formatVersion,
            try reader.number(UInt64.self) == Artifact.abiHash
        else {
            throw .versionMismatch
        }
        let features = ProcessorFeatures(rawValue: try reader.number(UInt32.self))
        guard features.isSubset(of: .present) else { throw .processorMismatch }
        let sum = try reader.number(UInt64.self)
        var checksum = Checksum()
        checksum.add(UnsafeRawBufferPointer(rebasing: bytes[reader.position...]))
        guard checksum.value == sum else { throw .corrupted }
        let textOffset = try reader.count()
        let textSize = try reader.count()
        guard textOffset % Artifact.page == 0, textOffset <= bytes.count, textSize == bytes.count - textOffset else {
            throw .corrupted
        }
        text = textOffset..<textOffset + textSize
        let exitOffset = try reader.number(UInt32.self)
        let functionsEnd = try reader.number(UInt32.self)
        guard let boundsChecks = CodeSettings.BoundsChecks(rawValue: try reader.number(UInt8.self)),
            let instructionSet = CodeSettings.InstructionSet(rawValue: try reader.number(UInt8.self)),
            features == ProcessorFeatures.needed(by: instructionSet)
        else { throw .corrupted }
        let layout = VMContextLayout(
            typeCount: try reader.count(), tableCount: try reader.count(), memoryCount: try reader.count(),
            globalCount: try reader.count())
        binary = try reader.range(of: UInt8.self)
        code = CompiledCode(
            layout: layout, settings: CodeSettings(boundsChecks: boundsChecks, instructionSet: instructionSet))
        code.exitOffset = exitOffset
        code.functionsEnd = functionsEnd
        var trapCodes: [TrapCode] = []
        let rawTrapCodes = try reader.range(of: UInt8.self)
        trapCodes.reserveCapacity(rawTrapCodes.count)
        for raw in bytes[rawTrapCodes] {
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
        code.crossingOffsets = try reader.array(UInt32.self)
        code.trapOffsets = try reader.array(UInt32.self)
        code.sourceCodeOffsets = try reader.array(UInt32.self)
        code.sourceOffsets = try reader.array(UInt32.self)
        guard reader.position <= textOffset, textOffset - reader.position < Artifact.page else { throw .corrupted }
    }

    private struct Reader {
        let bytes: UnsafeRawBufferPointer
        var position: Int

        mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) throws(ArtifactError)
            -> Number
        {
            let size = MemoryLayout<Number>.size
            guard bytes.count - position >= size else { throw .corrupted }
            let value = bytes.loadUnaligned(fromByteOffset: position, as: Number.self)
            position += size
            return Number(littleEndian: value)
        }
        mutating func count() throws(ArtifactError) -> Int {
            let value = try number(UInt64.self)
            guard value <= 1 << 32 else { throw .corrupted }
            return Int(value)
        }
        /// Of a list behind its count.
        mutating func range<Number>(of _: Number.Type) throws(ArtifactError) -> Range<Int> {
            let size = try count() * MemoryLayout<Number>.size
            guard bytes.count - position >= size else { throw .corrupted }
            defer { position += size }
            return position..<position + size
        }
        mutating func array<Number: FixedWidthInteger>(_: Number.Type) throws(ArtifactError) -> [Number] {
            let range = try range(of: Number.self)
            return [Number](unsafeUninitializedCapacity: range.count / MemoryLayout<Number>.size) { target, count in
                UnsafeMutableRawBufferPointer(target).copyMemory(from: .init(rebasing: bytes[range]))
                count = target.count
            }
        }
    }

    /// Whether the code's tables are of the sizes that the module has, and all offsets lie in the code.
    func fits(_ module: DecodedModule) -> Bool {
        let end = UInt32(clamping: text.count)
        guard code.layout == VMContextLayout(module), text.count <= Int(UInt32.max),
            code.functionOffsets.count == module.bodies.count,
            code.importOffsets.count == module.importedFunctionCount,
            code.entryOffsets.count == module.types.count, code.crossingOffsets.count == module.types.count,
            code.writtenTables.count == module.tables.count,
            code.trapOffsets.count == code.trapCodes.count,
            code.sourceOffsets.count == code.sourceCodeOffsets.count,
            code.functionsEnd <= end, code.exitOffset < end
        else { return false }
        // The type of no function has no entry, and need not have a crossing.
        return code.functionOffsets.allSatisfy { $0 < end } && code.importOffsets.allSatisfy { $0 < end }
            && module.functions.allSatisfy { code.entryOffsets[Int($0)] < end }
            && code.crossingOffsets.allSatisfy { $0 < end || $0 == .max }
    }
}

/// FNV-1a over 8-byte words, in four lanes, so that a processor can work on several: finds accidents, quickly.
struct Checksum {
    private var lanes: (UInt64, UInt64, UInt64, UInt64) = (
        0xCBF2_9CE4_8422_2325, 0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9
    )

    /// What has been added so far, in 64 bits.
    var value: UInt64 { words.0 }

    /// In 128. (`mix` does not care which of its arguments is which, so the second word turns some of them.)
    var words: (UInt64, UInt64) {
        func turned(_ lane: UInt64) -> UInt64 { lane &<< 23 | lane &>> 41 }
        return (
            Self.mix(Self.mix(lanes.0, lanes.1), Self.mix(lanes.2, lanes.3)),
            Self.mix(Self.mix(lanes.0, turned(lanes.2)), turned(Self.mix(lanes.1, turned(lanes.3))))
        )
    }

    @inline(__always)
    private static func mix(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        let product = (lane ^ word) &* 0x0000_0100_0000_01B3
        // The product moves bits upwards only.
        return product ^ product &>> 29
    }

    mutating func add(_ word: UInt64) { lanes.0 = Self.mix(lanes.0, word) }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        var (a, b, c, d) = lanes
        while offset + 32 <= bytes.count {
            a = Self.mix(a, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            b = Self.mix(b, bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
            c = Self.mix(c, bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self))
            d = Self.mix(d, bytes.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self))
            offset += 32
        }
        lanes = (a, b, c, d)
        while offset < bytes.count {
            add(UInt64(bytes[offset]))
            offset += 1
        }
        add(UInt64(bytes.count))
    }
}
