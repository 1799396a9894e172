//! A function of the host's, in the form in which a guest's call reaches it: cells in, cells out.

public import WasmModule

/// A host function without its Swift types.
public struct HostFunction: Sendable {
    /// Reads its arguments from the cells and leaves its results from `cells[0]` on. The instance is the caller's; it must
    /// not be kept. An error it throws unwinds the guest and comes out of the call into the guest.
    public typealias Body = @Sendable (_ instance: InstanceCore, _ cells: UnsafeMutablePointer<UInt64>) throws -> Void

    public let type: FunctionType
    public let body: Body

    public init(type: FunctionType, body: @escaping Body) {
        self.type = type
        self.body = body
    }
}
