//! A compiled module as bytes: header, the module's binary, the tables that explain the code, and the code, which
//! begins on a page of its own so that a file of it can be mapped and run as it is.
//!
//! The format is nobody's but one version's of this library on one kind of processor: `formatVersion` and the hash of
//! the ABI change with it, and a mismatch means "compile again". A checksum finds damage. Nothing finds malice: the
//! content is native code, trusted as much as the program that loads it. All the same, the parser itself checks every
//! length, and `fits` all offsets, so that an accident does not become a crash.
//!
//!     magic "MAYFLYC\0" · version u32 · ABI hash u64 · processor features u32 · checksum of the rest u64
//!     offset and size of the text u64 · exit, end of functions u32 · bounds checks, instruction set, metering u8 · layout 4 ×
//!     u64 then, each with its u64 count:
//!     binary, trap codes, written tables u8 · function, entry, import, crossing, trap offsets, source positions (two
//!     lists) u32 zeros up to a page · text

import Compiler
import Runtime
import WasmModule

/// A compiled module on its way to bytes.
struct Artifact {
    static let magic: [UInt8] = Array("MAYFLYC\0".utf8)
    /// To be raised whenever the meaning of the bytes changes: instruction sequences, conventions, or this format.
    static let formatVersion: UInt32 = 8

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
            VMContextLayout.resumeStackPointer, VMContextLayout.mayYield, CompiledCode.preemptDistance,
            VMContextLayout.fuel, VMContextLayout.fuelReserve, Int(VMContextLayout.fuelSlice),
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
        var body = ArtifactWriter()
        body.put(code.exitOffset)
        body.put(code.functionsEnd)
        body.put(code.settings.boundsChecks.rawValue)
        body.put(instructionSet.rawValue)
        body.put(UInt8(code.settings.metersFuel ? 1 : 0))
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

        var rest = ArtifactWriter()
        rest.bytes.reserveCapacity(textOffset + code.text.count)
        rest.put(UInt64(textOffset))
        rest.put(UInt64(code.text.count))
        rest.bytes += body.bytes
        rest.bytes += [UInt8](repeating: 0, count: textOffset - headerSize - body.bytes.count)
        rest.bytes += code.text
        var checksum = Checksum()
        rest.bytes.withUnsafeBytes { checksum.add($0) }
        var header = ArtifactWriter()
        header.bytes = Self.magic
        header.put(Self.formatVersion)
        header.put(Self.abiHash)
        header.put(ProcessorFeatures.needed(by: instructionSet).rawValue)
        header.put(checksum.value)
        return header.bytes + rest.bytes
    }

    /// Where what the checksum covers begins.
    fileprivate static let summedFrom = 32

    /// The checksum that an artifact's header has; 0 of bytes that are too few.
    static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.count < summedFrom ? 0 : bytes.loadUnaligned(fromByteOffset: summedFrom - 8, as: UInt64.self)
    }
    static let page = 4096
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
        var reader = ArtifactReader(bytes: bytes, position: Artifact.magic.count)
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
        let metering = try reader.number(UInt8.self)
        guard metering <= 1 else { throw .corrupted }
        let layout = VMContextLayout(
            typeCount: try reader.count(), tableCount: try reader.count(), memoryCount: try reader.count(),
            globalCount: try reader.count())
        binary = try reader.range(of: UInt8.self)
        code = CompiledCode(
            layout: layout,
            settings: CodeSettings(
                boundsChecks: boundsChecks, instructionSet: instructionSet, metersFuel: metering == 1))
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
        code.writtenTables = try reader.flags()
        code.functionOffsets = try reader.array(UInt32.self)
        code.entryOffsets = try reader.array(UInt32.self)
        code.importOffsets = try reader.array(UInt32.self)
        code.crossingOffsets = try reader.array(UInt32.self)
        code.trapOffsets = try reader.array(UInt32.self)
        code.sourceCodeOffsets = try reader.array(UInt32.self)
        code.sourceOffsets = try reader.array(UInt32.self)
        guard reader.position <= textOffset, textOffset - reader.position < Artifact.page else { throw .corrupted }
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
