//! The context of one guest: what `wasi_snapshot_preview1` functions act on.
//!
//! Plain host code over system calls, in extensions by topic (`Functions/WASI+….swift`): each WASI function is a method
//! that takes the guest's memory and its arguments and throws an `Errno`. `Imports+WASI.swift` makes imports of them. A
//! context belongs to one guest at a time and is not `Sendable`. Making one costs an allocation and no system call:
//! what contexts of a configuration have in common is in its `Blueprint`, and even the table of descriptors is made
//! when the guest first uses one.

/// The system interface of one guest: WASI 0.1, `wasi_snapshot_preview1`.
///
/// A context holds what changes while a guest runs: its descriptors, and its position in them. Make one per instance
/// from a ``Configuration``, which any number of contexts may share:
///
///     var configuration = WASI.Configuration()
///     configuration.arguments = ["handler"]
///     configuration.standardOutput = .capture
///     try configuration.preopen("/srv/data", as: "/", access: .readOnly)
///
///     let wasi = WASI(configuration)
///
/// All that the guest opened is closed when the context is dropped.
public final class WASI {
    let blueprint: Blueprint
    /// Asked when a signal interrupts a system call that the guest waits in: true makes the call fail with `EINTR`
    /// instead of going on, so that the guest runs again. A guest whose deadline has passed does not go on in any case.
    public var isStopRequested: (() -> Bool)?
    /// Where the instance that calls says that its deadline has passed; good during the call.
    var stopRequest: UnsafePointer<UInt32>?
    /// Bytes that a call may still capture of the guest's output; set before each.
    var captureAllowance = Int.max

    /// Nil until the guest first uses a descriptor.
    private var table: DescriptorTable?
    /// Trees in memory as the guest has changed them, by the preopen's index.
    private var volumes: [Int: TreeVolume] = [:]
    private var capturedOutput: CapturedOutput?
    private var capturedErrorOutput: CapturedOutput?
    /// Bytes that the guest may still write.
    var remainingOutputByteCount: Int
    /// Where fixed clocks stand: nanoseconds that the guest has waited.
    var waitedTime: UInt64 = 0
    /// Random numbers, where they are fixed.
    var generator: SplitMix64?
    private(set) lazy var listingBudget = HostListing.Budget()

    /// A context for one guest. Makes no system call.
    public init(_ configuration: borrowing Configuration = Configuration()) {
        blueprint = configuration.blueprint
        remainingOutputByteCount = blueprint.maximumOutputByteCount
    }

    /// What the guest wrote to a captured standard output since the last call.
    public func takeStandardOutput() -> [UInt8] { capturedOutput?.take() ?? [] }

    /// What the guest wrote to a captured standard error since the last call.
    public func takeStandardError() -> [UInt8] { capturedErrorOutput?.take() ?? [] }

    /// A call that waits, or takes long, is to come to an end.
    var isToStop: Bool { stopRequest.map { $0.pointee != 0 } == true || isStopRequested?() == true }

    /// What has become of a tree in memory that was given under a name; nil if there is none of that name.
    public func fileTree(preopenedAs guestPath: String) -> FileTree? {
        for (index, preopen) in blueprint.preopens.enumerated() where preopen.guestPath == guestPath {
            if case .tree(let tree, _) = preopen.source { return volumes[index]?.fileTree() ?? tree }
        }
        return nil
    }

    var descriptors: DescriptorTable {
        _read {
            if table == nil { table = makeTable() }
            yield table!
        }
        _modify {
            if table == nil { table = makeTable() }
            yield &table!
        }
    }

    /// Three streams, then the directories given, by which guests look for them, then the sockets.
    private func makeTable() -> DescriptorTable {
        let input: OpenFile =
            switch blueprint.standardInput {
            case .null: NullStream()
            case .inherit: HostFile(0, .input)
            case .descriptor(let descriptor): HostFile(descriptor, .input)
            case .bytes(let bytes): ByteInput(bytes)
            }
        var descriptors = DescriptorTable(
            capacity: 3 + blueprint.preopens.count + blueprint.sockets.count,
            maximumCount: blueprint.maximumDescriptorCount)
        descriptors.append(Descriptor(file: input, rights: .stream))
        descriptors.append(
            Descriptor(file: makeOutput(blueprint.standardOutput, inherited: 1, &capturedOutput), rights: .stream))
        descriptors.append(
            Descriptor(file: makeOutput(blueprint.standardError, inherited: 2, &capturedErrorOutput), rights: .stream))
        for (index, preopen) in blueprint.preopens.enumerated() {
            let root: DirectoryFile =
                switch preopen.source {
                case .host(let directory): HostDirectory(lent: directory.descriptor, blueprint.pathResolution)
                case .tree(let tree, let byteLimit):
                    TreeDirectory(rootOf: makeVolume(index, tree, byteLimit, preopen.access))
                }
            root.preopenName = preopen.guestPath
            let withheld: Rights = preopen.access == .readOnly ? .writing : []
            descriptors.append(
                Descriptor(
                    file: root, rights: .directory.subtracting(withheld),
                    inheritingRights: .directory.union(.file).subtracting(withheld), droppedRights: withheld,
                    droppedInheritingRights: withheld))
        }
        for socket in blueprint.sockets {
            descriptors.append(Descriptor(file: HostFile(socket, .socket), rights: .socket, inheritingRights: .socket))
        }
        return descriptors
    }

    private func makeVolume(_ index: Int, _ tree: FileTree, _ byteLimit: Int, _ access: Access) -> TreeVolume {
        let volume = TreeVolume(
            // A device that no file system of the host has.
            tree, byteLimit: byteLimit, isReadOnly: access == .readOnly, device: .max - UInt64(index),
            now: { [unowned self] in (try? time(.realtime)) ?? 0 })
        volumes[index] = volume
        return volume
    }

    private func makeOutput(
        _ output: Output, inherited: Int32, _ captured: inout CapturedOutput?
    ) -> OpenFile {
        switch output {
        case .null: return NullStream()
        case .inherit: return HostFile(inherited, .output)
        case .descriptor(let descriptor): return HostFile(descriptor, .output)
        case .capture(let limit):
            let capture = CapturedOutput(limit: limit)
            captured = capture
            return capture
        }
    }
}
