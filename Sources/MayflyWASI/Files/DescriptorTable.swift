//! A guest's descriptors by number.
//!
//! Invariant: the table never grows beyond its limit, whatever numbers the guest names. What leaves the table is closed
//! when nothing else holds it; two numbers never stand for one open file.

struct Descriptor {
    let file: OpenFile

    /// What `fd_fdstat_get` reports. What a guest did not ask for when it opened is not reported but, unlike a dropped
    /// right, not refused either: what was opened read-only the kernel refuses to write, and programs rely on the rest.
    var rights: Rights
    var inheritingRights: Rights = []
    /// Dropped by the guest or withheld by the embedder: refused.
    var droppedRights: Rights = []
    /// Dropped for all that is opened through this directory.
    var droppedInheritingRights: Rights = []

    func require(_ right: Rights) throws(Errno) {
        if !droppedRights.isDisjoint(with: right) { throw .notcapable }
    }
}

struct DescriptorTable {
    private var entries: [Descriptor?] = []
    /// No number below this one is free.
    private var lowestFree = 0
    private let maximumCount: Int

    /// - Parameter capacity: How many descriptors the guest is given, whatever the limit is.
    init(capacity: Int, maximumCount: Int) {
        entries.reserveCapacity(capacity)
        self.maximumCount = max(maximumCount, capacity)
    }

    /// Gives the guest what it starts with: descriptors 0, 1, 2, ….
    mutating func append(_ descriptor: Descriptor) {
        entries.append(descriptor)
        lowestFree = entries.count
    }

    /// Fails before anything is opened that could not be given a number.
    func requireSpace() throws(Errno) {
        if entries.count >= maximumCount, !entries[min(lowestFree, entries.count)...].contains(where: { $0 == nil }) {
            throw .mfile
        }
    }

    /// Gives a descriptor the lowest free number.
    mutating func insert(_ descriptor: Descriptor) throws(Errno) -> UInt32 {
        while lowestFree < entries.count, entries[lowestFree] != nil { lowestFree += 1 }
        if lowestFree < entries.count {
            entries[lowestFree] = descriptor
        } else if entries.count < maximumCount {
            entries.append(descriptor)
        } else {
            throw .mfile
        }
        lowestFree += 1
        return UInt32(lowestFree - 1)
    }

    subscript(number: UInt32) -> Descriptor {
        get throws(Errno) {
            guard number < entries.count, let descriptor = entries[Int(number)] else { throw .badf }
            return descriptor
        }
    }

    /// Changes an open descriptor's rights.
    mutating func update(_ number: UInt32, _ change: (inout Descriptor) -> Void) throws(Errno) {
        guard number < entries.count, entries[Int(number)] != nil else { throw .badf }
        change(&entries[Int(number)]!)
    }

    mutating func remove(_ number: UInt32) throws(Errno) -> OpenFile {
        let descriptor = try self[number]
        entries[Int(number)] = nil
        lowestFree = min(lowestFree, Int(number))
        return descriptor.file
    }

    /// Moves `source` to the number `destination`.
    ///
    /// - Returns: What was there, to be closed; nil if both are the same number.
    mutating func renumber(_ source: UInt32, to destination: UInt32) throws(Errno) -> OpenFile? {
        let moved = try self[source]
        let replaced = try self[destination]
        if source == destination { return nil }
        entries[Int(destination)] = moved
        entries[Int(source)] = nil
        lowestFree = min(lowestFree, Int(source))
        return replaced.file
    }
}
