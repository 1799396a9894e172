//! The objects of the host's that the instances of a store hold references to.
//!
//! A guest can keep a reference as long as it wants, and a copy of its memory keeps what it kept. So a reference is a
//! number that is given out once in the life of the process: to an object, in a table. Whoever else comes by it does
//! not find it in a table of its own, and gets an error; there is nothing to guess and nothing to be reused.
//!
//! Invariant: an object that is in the table is retained by it, so that no other one has its identity.

import Synchronization

struct ObjectTable {
    /// Objects, unless the limits say something else.
    static let defaultLimit = 65_536

    private var objects: [UInt64: AnyObject] = [:]
    private var cells: [ObjectIdentifier: UInt64] = [:]
    /// Numbers that nobody else has.
    private var numbers: Range<UInt64> = 0..<0

    /// The first number that no table has taken. 0 is nobody's (`ExternReference.nowhere`). 63 bits: giving out a
    /// billion a second they last for centuries.
    private static let nextNumber = Atomic<UInt64>(1)
    /// Numbers that a table takes at a time: all threads take them from one word.
    private static let blockSize: UInt64 = 64

    var count: Int { objects.count }

    /// The cell of an object, the same each time.
    mutating func cell(of object: AnyObject, limit: Int) throws(ExternReferenceError) -> UInt64 {
        if let cell = cells[ObjectIdentifier(object)] { return cell }
        guard objects.count < limit else { throw .tooManyObjects(limit: limit) }
        if numbers.isEmpty {
            let end = Self.nextNumber.wrappingAdd(Self.blockSize, ordering: .relaxed).newValue
            numbers = end - Self.blockSize..<end
        }
        let cell = ExternReference.objectBit | numbers.removeFirst()
        objects[cell] = object
        cells[ObjectIdentifier(object)] = cell
        return cell
    }

    /// The object that a cell means, whatever the cell is.
    func object(_ cell: UInt64) -> AnyObject? { objects[cell] }

    /// Takes an object out. What references to it are left lead nowhere from now on.
    ///
    /// - Returns: the object, for the caller to let go of: what it does in its end must not find the table in use.
    mutating func remove(_ object: AnyObject) -> AnyObject? {
        cells.removeValue(forKey: ObjectIdentifier(object)).flatMap { objects.removeValue(forKey: $0) }
    }
}

extension InstanceCore {
    /// The cell of a reference to an object, which lives as long as the instance, or those it is linked with, or until
    /// it is taken back. The same object has the same cell.
    ///
    /// - Throws: `ExternReferenceError.tooManyObjects`.
    public final func referenceCell(to object: AnyObject) throws(ExternReferenceError) -> UInt64 {
        let resources = ownResources()
        return try resources.objects.cell(of: object, limit: resources.objectLimit)
    }

    /// The object that a cell with an external reference means.
    ///
    /// - Throws: `ExternReferenceError.unknownObject` if there is none.
    public final func object(ofReference cell: UInt64) throws(ExternReferenceError) -> AnyObject {
        guard let object = resources?.objects.object(cell) else { throw .unknownObject }
        return object
    }

    /// Refuses a cell with a reference to an object that the instance does not have.
    public final func checkExternReference(_ cell: UInt64) throws(ExternReferenceError) {
        if cell & ExternReference.objectBit != 0 { _ = try object(ofReference: cell) }
    }

    /// Lets go of an object: what references to it the guest has kept lead nowhere from now on.
    ///
    /// - Returns: whether there was one.
    public final func takeBack(_ object: AnyObject) -> Bool { resources?.objects.remove(object) != nil }

    /// How many objects the guest may refer to.
    public final var objectCount: Int { resources?.objects.count ?? 0 }
}
