//! A module whose code is in executable memory, with the function records that its instances share.

public import Compiler
public import WasmModule

/// An exported or referenced function, ready to be entered.
public struct FunctionHandle: Sendable {
    /// Keeps code and types alive, and tells to which module the function belongs.
    public let module: ModuleCore
    /// Index in the module's function space, imports first.
    public let functionIndex: Int
    public let type: FunctionType
    /// Cells that arguments or results take, whichever are more; at least 1.
    public let cellCount: Int
    /// Arguments with function references must be checked before the guest sees them.
    let takesFunctionReferences: Bool
    let entry: UnsafeRawPointer
    let code: UnsafeRawPointer

    // The addresses are those of immutable code that `module` keeps alive.
    init(module: ModuleCore, index: Int) {
        let typeIndex = Int(module.decoded.functions[index])
        self.module = module
        functionIndex = index
        type = module.decoded.types[typeIndex]
        cellCount = max(1, type.parameters.count, type.results.count)
        takesFunctionReferences = type.parameters.contains(.funcref)
        entry = module.memory.address(module.code.entryOffsets[typeIndex])
        code = module.codeAddress(ofFunction: index)
    }
}
extension FunctionHandle: @unchecked Sendable {}

/// A compiled module in this process.
public final class ModuleCore: @unchecked Sendable {
    // Immutable after `init`, which is why this is Sendable.
    public let engine: EngineCore
    public let decoded: DecodedModule
    /// The tables that explain the code. Its `text` is empty: it lies in `memory`.
    public let code: CompiledCode
    let memory: CodeMemory
    /// One `FunctionRecord` per function of the function index space.
    let records: UnsafeMutableRawPointer
    /// The engine-wide id of every type.
    let signatureIDs: [UInt32]
    private let exports: [ExactName: Export]

    public init(engine: EngineCore, decoded: DecodedModule, code: CompiledCode) throws(SystemError) {
        memory = try CodeMemory(text: code.text, exitOffset: code.exitOffset)
        var code = code
        code.text = []
        self.engine = engine
        self.decoded = decoded
        self.code = code
        signatureIDs = engine.signatures.retain(decoded.types)
        exports = Dictionary(decoded.exports.map { (ExactName($0.name), $0) }) { first, _ in first }
        let bytes = decoded.functions.count * FunctionRecord.size
        records = .allocate(byteCount: max(bytes, FunctionRecord.size), alignment: 64)
        records.initializeMemory(as: UInt8.self, repeating: 0, count: max(bytes, FunctionRecord.size))
        for (index, type) in decoded.functions.enumerated() {
            let record = records + index * FunctionRecord.size
            let address = UInt64(UInt(bitPattern: codeAddress(ofFunction: index)))
            record.storeBytes(of: address, toByteOffset: FunctionRecord.code, as: UInt64.self)
            record.storeBytes(of: signatureIDs[Int(type)], toByteOffset: FunctionRecord.signature, as: UInt32.self)
            record.storeBytes(of: UInt32(index), toByteOffset: FunctionRecord.index, as: UInt32.self)
        }
    }

    deinit {
        records.deallocate()
        engine.signatures.release(decoded.types)
    }

    /// The machine code, from its start to its end.
    public var text: [UInt8] { [UInt8](UnsafeRawBufferPointer(start: memory.base, count: memory.count)) }

    func codeAddress(ofFunction index: Int) -> UnsafeRawPointer {
        let imported = decoded.importedFunctionCount
        return memory.address(index < imported ? code.importOffsets[index] : code.functionOffsets[index - imported])
    }

    // MARK: Function references

    /// The reference to a function: the address of its record.
    func reference(toFunction index: Int) -> UInt64 { UInt64(UInt(bitPattern: records + index * FunctionRecord.size)) }

    /// The function index that a cell with a function reference means; nil if it is no reference to a function of this
    /// module.
    func functionIndex(ofReference cell: UInt64) -> Int? {
        let distance = cell &- UInt64(UInt(bitPattern: records))
        let size = UInt64(FunctionRecord.size)
        guard distance < UInt64(decoded.functions.count) &* size, distance % size == 0 else { return nil }
        return Int(distance / size)
    }

    /// Refuses a cell that is neither null nor a reference to a function of this module: calling it would run foreign code
    /// on this module's instances.
    public func checkReference(_ cell: UInt64) throws(CallError) {
        guard cell == 0 || functionIndex(ofReference: cell) != nil else { throw .foreignFunctionReference }
    }

    public func function(_ reference: FunctionReference) throws(CallError) -> FunctionHandle {
        guard let index = functionIndex(ofReference: reference.record) else { throw .foreignFunctionReference }
        return FunctionHandle(module: self, index: index)
    }

    // MARK: Exports

    public func exportedFunction(_ name: String) throws(CallError) -> FunctionHandle {
        guard let export = exports[ExactName(name)], export.kind == .function else {
            throw .unknownExport(name: name, kind: "function")
        }
        return FunctionHandle(module: self, index: Int(export.index))
    }

    public func exportedFunction(_ name: String, type: FunctionType) throws(CallError) -> FunctionHandle {
        let function = try exportedFunction(name)
        guard function.type == type else {
            throw .typeMismatch(name: name, expected: type, actual: function.type)
        }
        return function
    }

    public func exportedGlobal(_ name: String) throws(CallError) -> (index: Int, type: GlobalType) {
        guard let export = exports[ExactName(name)], export.kind == .global else {
            throw .unknownExport(name: name, kind: "global")
        }
        return (Int(export.index), decoded.globals[Int(export.index)])
    }

    /// Whether the module exports something of this kind under this name.
    public func exports(_ kind: Export.Kind, _ name: String) -> Bool { exports[ExactName(name)]?.kind == kind }
}
