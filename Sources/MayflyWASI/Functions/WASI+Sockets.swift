//! Sockets: those the embedder gave, and connections accepted on them. A guest cannot make others.

internal import Glibc

extension WASI {
    private static let receivePeeks: UInt16 = 1
    private static let receiveWaitsForAll: UInt16 = 2
    /// `roflags`: there was more of the message.
    private static let receivedTruncated: UInt16 = 1

    func sockAccept(_ number: UInt32, _ bits: UInt16) throws(Errno) -> UInt32 {
        let flags = DescriptorFlags(rawValue: bits)
        let (descriptor, socket) = try socket(number, for: .sockAccept)
        guard flags.isSubset(of: .nonblock) else { throw .inval }
        try descriptors.requireSpace()
        let accepted = try socket.accept(isNonblocking: flags.contains(.nonblock), for: self)
        return try descriptors.insert(
            Descriptor(
                file: accepted, rights: .socket.intersection(descriptor.inheritingRights),
                droppedRights: descriptor.droppedInheritingRights))
    }

    func sockRecv(
        _ memory: GuestMemory, _ number: UInt32, _ vectors: UInt32, _ count: UInt32, flags: UInt16
    ) throws(Errno) -> (count: UInt32, flags: UInt16) {
        let (_, socket) = try socket(number, for: .fdRead)
        guard flags & ~(Self.receivePeeks | Self.receiveWaitsForAll) == 0 else { throw .inval }
        var isTruncated = false
        let received = try withVectors(memory, at: vectors, count: count) { (vectors) throws(Errno) in
            let received = try socket.receive(
                vectors, peeks: flags & Self.receivePeeks != 0, waitsForAll: flags & Self.receiveWaitsForAll != 0,
                for: self)
            isTruncated = received.isTruncated
            return received.count
        }
        return (received, isTruncated ? Self.receivedTruncated : 0)
    }

    func sockSend(
        _ memory: GuestMemory, _ number: UInt32, _ vectors: UInt32, _ count: UInt32, flags: UInt16
    ) throws(Errno) -> UInt32 {
        let (_, socket) = try socket(number, for: .fdWrite)
        // None is defined.
        guard flags == 0 else { throw .inval }
        return try withOutput(memory, at: vectors, count: count, to: socket) { (vectors) throws(Errno) in
            try socket.send(vectors, for: self)
        }
    }

    func sockShutdown(_ number: UInt32, _ how: UInt32) throws(Errno) {
        let (_, socket) = try socket(number, for: .sockShutdown)
        guard (1...3).contains(how) else { throw .inval }
        try socket.shutDown(reading: how & 1 != 0, writing: how & 2 != 0)
    }

    private func socket(_ number: UInt32, for right: Rights) throws(Errno) -> (Descriptor, HostFile) {
        let descriptor = try descriptors[number]
        guard let file = descriptor.file as? HostFile, file.isSocket else { throw .notsock }
        try descriptor.require(right)
        return (descriptor, file)
    }
}
