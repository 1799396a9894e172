//! The context of one guest: what `wasi_snapshot_preview1` functions act on.
//!
//! Plain host code over system calls, in extensions by topic (`WASI+….swift`): each WASI function is a method that
//! takes the guest's memory and its arguments and throws an `Errno`. `Imports+WASI.swift` makes imports of them. A
//! context belongs to one guest at a time and is not `Sendable`; making one costs no system call.

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
    var input: InputBytes
    private var output: OutputBuffer
    private var errorOutput: OutputBuffer
    /// Asked when a signal interrupts a system call that the guest waits in: true makes the call fail with `EINTR`
    /// instead of going on, so that the guest runs again. Without it every wait goes on.
    public var isStopRequested: (() -> Bool)?

    /// A context for one guest. Makes no system call.
    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        descriptors = DescriptorTable(
            configuration.initialDescriptors, maximumCount: configuration.maximumDescriptorCount)
        input = InputBytes(configuration.standardInput.bytes)
        output = OutputBuffer(limit: configuration.standardOutput.captureLimit)
        errorOutput = OutputBuffer(limit: configuration.standardError.captureLimit)
    }

    /// What the guest wrote to a captured standard output since the last call.
    public func takeStandardOutput() -> [UInt8] { output.take() }

    /// What the guest wrote to a captured standard error since the last call.
    public func takeStandardError() -> [UInt8] { errorOutput.take() }

    /// Takes as much as fits of what the guest writes to a captured stream.
    func capture(_ source: UnsafeMutableRawBufferPointer, as capture: Descriptor.Capture) -> Int {
        switch capture {
        case .standardOutput: output.write(source)
        case .standardError: errorOutput.write(source)
        }
    }
}
