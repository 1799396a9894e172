//! References as typed parameters and results: functions of guests, numbers and objects of the host's.
//!
//! What a cell with a reference means, its instance knows: an object is looked up there on its way to the host and
//! taken in there on its way to the guest. Nothing that a guest passes is taken for an object before it was found.

public import Runtime
public import WasmModule

/// The types whose optionals are WebAssembly's nullable references.
public protocol WasmReference: SendableMetatype {
    /// The WebAssembly type of the nullable reference.
    static var wasmType: ValueType { get }
    /// The reference in a cell of a call that is not 0.
    ///
    /// - Throws: `ExternReferenceError`.
    static func reference(inWasmCell cell: UInt64, of instance: InstanceCore) throws -> Self
    /// The reference as a cell of a call, which is not 0.
    ///
    /// - Throws: `ExternReferenceError`.
    func wasmReferenceCell(in instance: InstanceCore) throws -> UInt64
}

extension FunctionReference: WasmReference {
    @inlinable public static var wasmType: ValueType { .funcref }
    @inlinable
    public static func reference(inWasmCell cell: UInt64, of instance: InstanceCore) -> FunctionReference {
        FunctionReference(record: cell)
    }
    // Whether it is one of the instance's functions, is checked of all cells at once.
    @inlinable public func wasmReferenceCell(in instance: InstanceCore) -> UInt64 { record }
}

extension ExternReference: WasmReference {
    @inlinable public static var wasmType: ValueType { .externref }
    @inlinable
    public static func reference(inWasmCell cell: UInt64, of instance: InstanceCore) -> ExternReference {
        ExternReference(cell: cell)
    }
    @inlinable
    public func wasmReferenceCell(in instance: InstanceCore) throws -> UInt64 {
        if isObject { try instance.checkExternReference(cell) }
        return cell
    }
}

extension Optional: WasmValue where Wrapped: WasmReference {
    @inlinable public static var wasmType: ValueType { Wrapped.wasmType }
    @inlinable
    public static func load(fromWasmCells cells: UnsafePointer<UInt64>, in instance: InstanceCore) throws -> Wrapped? {
        let cell = cells.pointee
        return cell == 0 ? nil : try Wrapped.reference(inWasmCell: cell, of: instance)
    }
    @inlinable
    public func store(toWasmCells cells: UnsafeMutablePointer<UInt64>, in instance: InstanceCore) throws {
        cells.pointee = try self?.wasmReferenceCell(in: instance) ?? 0
    }
}

// MARK: Objects

/// A class whose objects guests can hold references to: an `externref` that leads to an object.
///
/// ```swift
/// final class Session: ExternObject {
///     let user: String
///     init(user: String) { self.user = user }
/// }
/// ```
///
/// Such a class is a ``WasmValue``, and its optional one that may be null:
///
/// ```swift
/// imports.define("host", "open") { caller in Session(user: caller.state.user) }
/// imports.define("host", "length") { (_, session: Session) in Int32(session.user.utf8.count) }
/// ```
///
/// The guest keeps a number and nothing else: in locals, globals and tables, for as long as it lives. The instance
/// keeps the object: until it goes, or, if it is linked with others, its store; or until ``Caller/takeBack(_:)``. The
/// same object has the same number each time, and how many a guest may have at once is limited (65,536, unless
/// `ResourceLimits.objects` says something else).
///
/// Where the guest passes null, a number (`ExternReference(handle:)`), an object of another class, or one that the
/// instance does not have, the host function is not called: the guest ends with an `ExternReferenceError`.
///
/// Copies of an instance, snapshots and forks, have the numbers but not the objects, as they may be another tenant's. A
/// reference that a guest kept from before leads to `ExternReferenceError.unknownObject` there; give it new ones in
/// ``Imports/refreshCopies(_:)``. An instance that is rolled back still has its objects.
public protocol ExternObject: AnyObject, WasmValue, WasmReference {}

extension ExternObject {
    /// `externref`.
    @inlinable public static var wasmType: ValueType { .externref }

    @inlinable
    public static func load(fromWasmCells cells: UnsafePointer<UInt64>, in instance: InstanceCore) throws -> Self {
        let cell = cells.pointee
        guard cell != 0 else { throw ExternReferenceError.null(expected: "\(Self.self)") }
        return try reference(inWasmCell: cell, of: instance)
    }

    @inlinable
    public func store(toWasmCells cells: UnsafeMutablePointer<UInt64>, in instance: InstanceCore) throws {
        cells.pointee = try wasmReferenceCell(in: instance)
    }

    public static func reference(inWasmCell cell: UInt64, of instance: InstanceCore) throws -> Self {
        guard ExternReference(cell: cell).isObject else {
            throw ExternReferenceError.notAnObject(expected: "\(Self.self)")
        }
        let object = try instance.object(ofReference: cell)
        guard let object = object as? Self else {
            throw ExternReferenceError.wrongClass(expected: "\(Self.self)", actual: "\(type(of: object))")
        }
        return object
    }

    public func wasmReferenceCell(in instance: InstanceCore) throws -> UInt64 {
        try instance.referenceCell(to: self)
    }
}

// What is said of instances here holds for callers.
extension Instance {
    /// A reference to an object, for where types are known at run time only: ``Value``, globals.
    ///
    /// - Throws: `ExternReferenceError.tooManyObjects`.
    public borrowing func reference(to object: some ExternObject) throws(ExternReferenceError) -> ExternReference {
        ExternReference(cell: try store.referenceCell(to: object))
    }

    /// The object that a reference leads to.
    ///
    /// - Throws: `ExternReferenceError` if the instance does not have it, or it is of another class, or a number.
    public borrowing func object<Object: ExternObject>(
        of reference: ExternReference, as type: Object.Type = Object.self
    ) throws -> Object {
        try Object.reference(inWasmCell: reference.cell, of: store)
    }

    /// Lets go of an object before the instance goes. References to it that the guest has kept lead to
    /// `ExternReferenceError.unknownObject` from now on.
    ///
    /// - Returns: whether the instance had it.
    @discardableResult
    public borrowing func takeBack(_ object: some ExternObject) -> Bool { store.takeBack(object) }

    /// How many objects the guest may refer to now.
    public var objectCount: Int { store.objectCount }
}

extension Caller {
    /// A reference to an object, for where types are known at run time only. See ``Instance/reference(to:)``.
    ///
    /// - Throws: `ExternReferenceError.tooManyObjects`.
    public borrowing func reference(to object: some ExternObject) throws(ExternReferenceError) -> ExternReference {
        ExternReference(cell: try store.referenceCell(to: object))
    }

    /// The object that a reference leads to. See ``Instance/object(of:as:)``.
    ///
    /// - Throws: `ExternReferenceError`.
    public borrowing func object<Object: ExternObject>(
        of reference: ExternReference, as type: Object.Type = Object.self
    ) throws -> Object {
        try Object.reference(inWasmCell: reference.cell, of: store)
    }

    /// Lets go of an object before the instance goes. See ``Instance/takeBack(_:)``.
    @discardableResult
    public borrowing func takeBack(_ object: some ExternObject) -> Bool { store.takeBack(object) }

    /// How many objects the guest may refer to now.
    public var objectCount: Int { store.objectCount }
}
