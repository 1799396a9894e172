//! A module whose code is in executable memory, with the function records that its instances share.

public import Compiler
import Synchronization
public import WasmModule

/// An exported or referenced function, ready to be entered on instances of its module.
///
/// It does not keep the module alive: whoever enters it holds an instance, which does.
public final class FunctionHandle: @unchecked Sendable {
    // Unchecked because of the addresses, which are those of immutable code. A class, so that the way into a guest
    // counts no references of the lists in it.

    /// Index in the module's function space, imports first.
    public let functionIndex: Int
    public let type: FunctionType
    /// Cells that arguments or results take, whichever are more; at least 1.
    public let cellCount: Int
    /// Cells of the arguments that are function references, which must be checked before the guest sees them.
    let referenceArguments: [Int]
    let takesFunctionReferences: Bool
    let entry: UnsafeRawPointer
    let code: UnsafeRawPointer

    init(functionIndex: Int, type: FunctionType, entry: UnsafeRawPointer, code: UnsafeRawPointer) {
        self.functionIndex = functionIndex
        self.type = type
        cellCount = max(1, type.cellCount)
        referenceArguments = FunctionType.cells(of: .funcref, in: type.parameters)
        takesFunctionReferences = !referenceArguments.isEmpty
        self.entry = entry
        self.code = code
    }
}

/// A compiled module in this process.
public final class ModuleCore: @unchecked Sendable {
    // Immutable after `init` but for what is under a mutex, which is why this is Sendable.
    public let engine: EngineCore
    public let decoded: DecodedModule
    /// The tables that explain the code. Its `text` is empty: it lies in `memory`.
    public let code: CompiledCode
    let memory: CodeMemory
    /// One `FunctionRecord` per function of the function index space.
    let records: UnsafeMutableRawPointer
    /// The engine-wide id of every type.
    let signatureIDs: [UInt32]
    private let exports: [ExactName: Exported]
    private let blankImages = Mutex<[InstanceImage]?>(nil)
    private let lines = Mutex<LineTable?>(nil)

    private enum Exported {
        case function(FunctionHandle)
        case other(Export)
    }

    public convenience init(engine: EngineCore, decoded: DecodedModule, code: CompiledCode) throws(SystemError) {
        self.init(
            engine, decoded, code,
            try CodeMemory(text: code.text, functionsEnd: code.functionsEnd, exitOffset: code.exitOffset))
    }

    /// - Parameters:
    ///   - code: without its text.
    ///   - text: where that lies in the file, at its end.
    public convenience init(
        engine: EngineCore, decoded: DecodedModule, code: CompiledCode, text: Range<Int>, of file: MappedFile
    ) throws(SystemError) {
        self.init(
            engine, decoded, code,
            try CodeMemory(file, text, functionsEnd: code.functionsEnd, exitOffset: code.exitOffset))
    }

    private init(_ engine: EngineCore, _ decoded: DecodedModule, _ code: CompiledCode, _ memory: CodeMemory) {
        self.memory = memory
        var code = code
        code.text = []
        self.engine = engine
        self.decoded = decoded
        self.code = code
        signatureIDs = engine.signatures.retain(decoded.types)
        var exports: [ExactName: Exported] = [:]
        for export in decoded.exports {
            exports[ExactName(export.name)] =
                export.kind == .function
                ? .function(Self.handle(ofFunction: Int(export.index), decoded, code, memory)) : .other(export)
        }
        self.exports = exports
        records = .allocate(byteCount: Self.recordBytes(decoded), alignment: 64)
        writeRecords(to: records, for: nil)
    }

    private static func recordBytes(_ decoded: DecodedModule) -> Int {
        max(1, decoded.functions.count) * FunctionRecord.size
    }

    /// Records of the module's functions for one linked instance, to be deallocated by whoever asks for them.
    func makeRecords(for context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        let records = UnsafeMutableRawPointer.allocate(byteCount: Self.recordBytes(decoded), alignment: 64)
        writeRecords(to: records, for: context)
        return records
    }

    private func writeRecords(to records: UnsafeMutableRawPointer, for context: UnsafeMutableRawPointer?) {
        records.initializeMemory(as: UInt8.self, repeating: 0, count: Self.recordBytes(decoded))
        for (index, type) in decoded.functions.enumerated() {
            let record = records + index * FunctionRecord.size
            let target = Self.codeAddress(ofFunction: index, decoded, code, memory)
            let crossing = code.crossingOffsets[Int(type)]
            // Where there is no crossing, nobody else can come by the record.
            let address = context == nil || crossing == .max ? target : memory.address(crossing)
            record.storeBytes(of: address, toByteOffset: FunctionRecord.code, as: UnsafeRawPointer.self)
            record.storeBytes(of: target, toByteOffset: FunctionRecord.target, as: UnsafeRawPointer.self)
            record.storeBytes(of: signatureIDs[Int(type)], toByteOffset: FunctionRecord.signature, as: UInt32.self)
            record.storeBytes(of: UInt32(index), toByteOffset: FunctionRecord.index, as: UInt32.self)
            if let context {
                record.storeBytes(of: context, toByteOffset: FunctionRecord.context, as: UnsafeMutableRawPointer.self)
            }
        }
    }

    private static func handle(
        ofFunction index: Int, _ decoded: DecodedModule, _ code: CompiledCode, _ memory: CodeMemory
    ) -> FunctionHandle {
        let typeIndex = Int(decoded.functions[index])
        return FunctionHandle(
            functionIndex: index, type: decoded.types[typeIndex], entry: memory.address(code.entryOffsets[typeIndex]),
            code: codeAddress(ofFunction: index, decoded, code, memory))
    }

    /// Where the module's machine code lies, functions and stubs.
    package var codeRange: Range<UInt> {
        let start = UInt(bitPattern: memory.base)
        return start..<start + UInt(memory.count)
    }

    deinit {
        records.deallocate()
        engine.signatures.release(decoded.types)
    }

    /// Whether it compares each access with the memory's length.
    public var hasBoundsChecks: Bool { code.settings.boundsChecks == .explicit }

    /// Where the machine code lies.
    public var codeAddress: UnsafeRawPointer { memory.base }

    /// Bytes of machine code.
    public var codeSize: Int { memory.count }

    /// Where the code of a defined function (0 is the first one after the imports) lies in it.
    public func codeRange(ofBody body: Int) -> Range<Int> {
        let starts = code.functionOffsets
        let start = Int(starts[body])
        return start..<max(start, Int(body + 1 < starts.count ? starts[body + 1] : code.functionsEnd))
    }

    /// The machine code, from its start to its end.
    public var text: [UInt8] { [UInt8](UnsafeRawBufferPointer(start: memory.base, count: memory.count)) }

    private static func codeAddress(
        ofFunction index: Int, _ decoded: DecodedModule, _ code: CompiledCode, _ memory: CodeMemory
    ) -> UnsafeRawPointer {
        let imported = decoded.importedFunctionCount
        return memory.address(index < imported ? code.importOffsets[index] : code.functionOffsets[index - imported])
    }

    // MARK: Source

    /// The lines of the module's source, if it says anything about them. They are read when they are first asked for,
    /// which is when something traps.
    func lineTable() -> LineTable? {
        guard LineTable.exists(in: decoded) else { return nil }
        return lines.withLock { lines in
            if let lines { return lines }
            let table = LineTable(of: decoded)
            lines = table
            return table
        }
    }

    // MARK: Function references

    /// The reference to a function: the address of its record.
    func reference(toFunction index: Int) -> UInt64 { UInt64(UInt(bitPattern: records + index * FunctionRecord.size)) }

    /// The function index that a cell with a function reference means; nil if it is no reference to a function of this
    /// module's unlinked instances.
    func functionIndex(ofReference cell: UInt64) -> Int? { functionIndex(ofReference: cell, in: records) }

    /// The same among the records of a linked instance.
    func functionIndex(ofReference cell: UInt64, in records: UnsafeMutableRawPointer) -> Int? {
        let distance = cell &- UInt64(UInt(bitPattern: records))
        let size = UInt64(FunctionRecord.size)
        guard distance < UInt64(decoded.functions.count) &* size, distance % size == 0 else { return nil }
        return Int(distance / size)
    }

    /// A function by its index, which must exist.
    public func function(_ index: Int) -> FunctionHandle { Self.handle(ofFunction: index, decoded, code, memory) }

    // MARK: Contexts

    /// What the contexts of all instances have in common, from `VMContextLayout.headerSize` on. All else is zero.
    var constantContext: [UInt8] {
        var context = [UInt8](repeating: 0, count: code.layout.size - VMContextLayout.headerSize)
        context.withUnsafeMutableBytes { bytes in
            for (index, id) in signatureIDs.enumerated() {
                let offset = code.layout.signature(index) - VMContextLayout.headerSize
                bytes.storeBytes(of: id, toByteOffset: offset, as: UInt32.self)
            }
        }
        return context
    }

    // MARK: Linked instances

    /// The images from which linked instances of the module begin: of the instance itself, and of each further memory
    /// that it defines. Nothing of what the module's initialisers and segments say is in them.
    func imagesForLinking() throws(LinkError) -> [InstanceImage] {
        if let images = blankImages.withLock({ $0 }) { return images }
        let images = try InitialState(blank: self).images()
        blankImages.withLock { $0 = images }
        return images
    }

    // MARK: Exports

    public func exportedFunction(_ name: String) throws(CallError) -> FunctionHandle {
        guard case .function(let function) = exports[ExactName(name)] else {
            throw .unknownExport(name: name, kind: "function")
        }
        return function
    }

    public func exportedFunction(_ name: String, type: FunctionType) throws(CallError) -> FunctionHandle {
        let function = try exportedFunction(name)
        guard function.type == type else {
            throw .typeMismatch(name: name, expected: type, actual: function.type)
        }
        return function
    }

    /// What is exported under a name, whatever it is.
    func export(_ name: String) -> (kind: Export.Kind, index: Int)? {
        switch exports[ExactName(name)] {
        case .function(let function): (.function, function.functionIndex)
        case .other(let export): (export.kind, Int(export.index))
        case nil: nil
        }
    }

    public func exportedGlobal(_ name: String) throws(CallError) -> (index: Int, type: GlobalType) {
        guard case .other(let export) = exports[ExactName(name)], export.kind == .global else {
            throw .unknownExport(name: name, kind: "global")
        }
        return (Int(export.index), decoded.globals[Int(export.index)])
    }
}
