//! The context of one guest: what `wasi_snapshot_preview1` functions act on.
//!
//! Plain host code over system calls, in extensions by topic (`WASI+….swift`): each WASI function is a method that
//! takes the guest's memory and its arguments and throws an `Errno`. `Imports+WASI.swift` makes imports of them. A
//! context belongs to one guest at a time and is not `Sendable`; making one costs no system call.

internal import Glibc

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
    let configuration: Configuration
    var descriptors: DescriptorTable
    private let capturedOutput: OutputBuffer?
    private let capturedError: OutputBuffer?
    /// Asked when a signal interrupts a system call that the guest waits in: true makes the call fail with `EINTR`
    /// instead of going on, so that the guest runs again. Without it every wait goes on.
    public var isStopRequested: (() -> Bool)?

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        descriptors = DescriptorTable(
            maximumCount: max(configuration.maximumDescriptorCount, 3 + configuration.preopens.count),
            reserving: 4 + configuration.preopens.count)

        let input: Descriptor =
            switch configuration.standardInput {
            case .null: Self.nullStream()
            case .inherit: Self.hostStream(STDIN_FILENO)
            case .descriptor(let descriptor): Self.hostStream(descriptor)
            case .bytes(let bytes): Self.memoryStream(.input(InputBytes(bytes)))
            }
        let output = Self.stream(configuration.standardOutput, inherited: STDOUT_FILENO)
        let error = Self.stream(configuration.standardError, inherited: STDERR_FILENO)
        capturedOutput = output.buffer
        capturedError = error.buffer

        let shared = [input, output.descriptor, error.descriptor] + configuration.preopens.map(Self.descriptor(for:))
        for descriptor in shared {
            // The limit was made large enough for these.
            _ = try? descriptors.insert(descriptor)
        }
    }

    /// What the guest wrote to a captured standard output since the last call.
    public func takeStandardOutput() -> [UInt8] { capturedOutput?.take() ?? [] }

    /// What the guest wrote to a captured standard error since the last call.
    public func takeStandardError() -> [UInt8] { capturedError?.take() ?? [] }
}

extension WASI {
    private static func nullStream() -> Descriptor {
        // A character device, as /dev/null is.
        Descriptor(object: .null, type: .characterDevice, rights: .stream, inheritingRights: [])
    }

    private static func memoryStream(_ object: Descriptor.Object) -> Descriptor {
        Descriptor(object: object, type: .unknown, rights: .stream, inheritingRights: [])
    }

    /// The type is looked up when it is asked for: most guests do not, and it costs a system call.
    private static func hostStream(_ descriptor: Int32) -> Descriptor {
        Descriptor(object: .host(descriptor), type: .unknown, rights: .stream, inheritingRights: [])
    }

    private static func stream(_ output: Output, inherited: Int32) -> (descriptor: Descriptor, buffer: OutputBuffer?) {
        switch output {
        case .null: return (nullStream(), nil)
        case .inherit: return (hostStream(inherited), nil)
        case .descriptor(let descriptor): return (hostStream(descriptor), nil)
        case .capture(let limit):
            let buffer = OutputBuffer(limit: limit)
            return (memoryStream(.output(buffer)), buffer)
        }
    }

    private static func descriptor(for preopen: Preopen) -> Descriptor {
        var descriptor = Descriptor(
            object: .host(preopen.directory.descriptor), type: .directory, preopen: preopen, rights: .directory,
            inheritingRights: .directory.union(.file))
        if preopen.access == .readOnly {
            descriptor.droppedRights = .writing
            descriptor.droppedInheritingRights = .writing
            descriptor.rights.subtract(.writing)
            descriptor.inheritingRights.subtract(.writing)
        }
        return descriptor
    }
}

extension Rights {
    /// All that changes something.
    static let writing: Rights = [
        .fdWrite, .fdAllocate, .fdFilestatSetSize, .fdFilestatSetTimes, .pathCreateDirectory, .pathCreateFile,
        .pathLinkSource, .pathLinkTarget, .pathRenameSource, .pathRenameTarget, .pathFilestatSetSize,
        .pathFilestatSetTimes, .pathSymlink, .pathRemoveDirectory, .pathUnlinkFile,
    ]
}
