//! What concerns an open descriptor as a whole: its status, flags, rights, position, times, size, number.

internal import Glibc

extension WASI {
    func fdClose(_ number: UInt32) throws(Errno) { try descriptors.remove(number).close() }

    func fdRenumber(_ source: UInt32, _ destination: UInt32) throws(Errno) {
        let replaced = try descriptors.renumber(source, to: destination)
        // What closing it says is nobody's to hear, as with dup2(2).
        try? replaced?.close()
    }

    func fdSync(_ number: UInt32) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdSync)
        try descriptor.file.synchronize(dataOnly: false, for: self)
    }

    func fdDatasync(_ number: UInt32) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdDatasync)
        try descriptor.file.synchronize(dataOnly: true, for: self)
    }

    func fdFdstatGet(_ number: UInt32) throws(Errno) -> DescriptorStatus {
        let descriptor = try descriptors[number]
        return DescriptorStatus(
            type: try descriptor.file.type(), flags: try descriptor.file.flags(), rights: descriptor.rights,
            inheritingRights: descriptor.inheritingRights)
    }

    func fdFdstatSetFlags(_ number: UInt32, _ bits: UInt16) throws(Errno) {
        let flags = DescriptorFlags(rawValue: bits)
        guard flags.isSubset(of: .all) else { throw .inval }
        let descriptor = try descriptors[number]
        try descriptor.require(.fdFdstatSetFlags)
        try descriptor.file.setFlags(flags)
    }

    func fdFdstatSetRights(_ number: UInt32, _ base: UInt64, _ inheriting: UInt64) throws(Errno) {
        let descriptor = try descriptors[number]
        let base = Rights(rawValue: base)
        let inheriting = Rights(rawValue: inheriting)
        guard base.isSubset(of: descriptor.rights), inheriting.isSubset(of: descriptor.inheritingRights) else {
            throw .notcapable
        }
        try descriptors.update(number) { descriptor in
            // From now on the guest has what it said and no more, also of what it had without having asked for it.
            descriptor.droppedRights.formUnion(Rights(rawValue: ~base.rawValue))
            descriptor.droppedInheritingRights.formUnion(Rights(rawValue: ~inheriting.rawValue))
            descriptor.rights = base
            descriptor.inheritingRights = inheriting
        }
    }

    func fdFilestatGet(_ number: UInt32) throws(Errno) -> FileStatus {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdFilestatGet)
        return try descriptor.file.status()
    }

    func fdFilestatSetSize(_ number: UInt32, _ size: UInt64) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdFilestatSetSize)
        try descriptor.file.setSize(try fileOffset(size), for: self)
    }

    func fdFilestatSetTimes(
        _ number: UInt32, access: UInt64, modification: UInt64, flags: UInt16
    ) throws(Errno) {
        let times = try timestamps(access, modification, flags)
        let descriptor = try descriptors[number]
        try descriptor.require(.fdFilestatSetTimes)
        try descriptor.file.setTimes(times, for: self)
    }

    func fdAdvise(_ number: UInt32, offset: UInt64, length: UInt64, advice: UInt8) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdAdvise)
        // WASI's numbers of advice, in order.
        let hostAdvice = [
            POSIX_FADV_NORMAL, POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM, POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,
            POSIX_FADV_NOREUSE,
        ]
        guard advice < hostAdvice.count else { throw .inval }
        try descriptor.file.advise(try fileOffset(offset), try fileOffset(length), hostAdvice[Int(advice)])
    }

    func fdAllocate(_ number: UInt32, offset: UInt64, length: UInt64) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.fdAllocate)
        let offset = try fileOffset(offset)
        let length = try fileOffset(length)
        try counting(length) { () throws(Errno) in try descriptor.file.allocate(offset, length, for: self) }
    }

    func fdSeek(_ number: UInt32, offset: Int64, whence: OpenFile.Whence?) throws(Errno) -> UInt64 {
        let descriptor = try descriptors[number]
        guard let whence else { throw .inval }
        // Who may seek may tell.
        if whence != .current || offset != 0 || descriptor.droppedRights.contains(.fdTell) {
            try descriptor.require(.fdSeek)
        }
        return try descriptor.file.seek(offset, from: whence)
    }

    func fdTell(_ number: UInt32) throws(Errno) -> UInt64 { try fdSeek(number, offset: 0, whence: .current) }
}
