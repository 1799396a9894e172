//! A function of the host's, in the form in which a guest's call reaches it: cells in, cells out.

import Compiler
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

/// A host function as dispatch finds it: an object that is never counted on the way to its body. The count is shared by all
/// threads, and counting would make them wait for each other.
final class LinkedFunction: Sendable {
    let body: HostFunction.Body
    /// Cells of the results that are function references, which must be checked before the guest sees them.
    let referenceResults: [Int]
    let returnsReferences: Bool

    init(_ function: HostFunction) {
        body = function.body
        referenceResults = FunctionType.cells(of: .funcref, in: function.type.results)
        returnsReferences = !referenceResults.isEmpty
    }
}
