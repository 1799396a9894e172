//! A function of the host's, in the form in which a guest's call reaches it: cells in, cells out.

import Compiler
public import WasmModule

/// A host function without its Swift types.
public struct HostFunction: Sendable {
    /// Reads its arguments from the cells and leaves its results from `cells[0]` on. The instance is the caller's; it must
    /// not be kept. An error it throws unwinds the guest and comes out of the call into the guest.
    public typealias Body = @Sendable (_ instance: InstanceCore, _ cells: UnsafeMutablePointer<UInt64>) throws -> Void

    /// The same for a function that suspends its caller: the instance and the cells are its own until it returns.
    public typealias AsynchronousBody =
        nonisolated(nonsending) @Sendable (_ instance: InstanceCore, _ cells: UnsafeMutablePointer<UInt64>)
        async throws -> Void

    public let type: FunctionType
    let body: Body
    let asynchronousBody: AsynchronousBody?

    public init(type: FunctionType, body: @escaping Body) {
        self.type = type
        self.body = body
        asynchronousBody = nil
    }

    public init(type: FunctionType, asynchronousBody: @escaping AsynchronousBody) {
        self.type = type
        body = { _, _ in }
        self.asynchronousBody = asynchronousBody
    }
}

/// A host function as dispatch finds it: an object that is never counted on the way to its body. The count is shared by all
/// threads, and counting would make them wait for each other.
final class LinkedFunction: Sendable {
    let body: HostFunction.Body
    /// Of a function that is awaited. Then the other does nothing.
    let asynchronousBody: HostFunction.AsynchronousBody?
    /// What it is imported as.
    let module: String
    let name: String
    /// Cells of the results that are function references, which must be checked before the guest sees them.
    let referenceResults: [Int]
    /// There is more to do than to call the body.
    let isUncommon: Bool

    init(_ function: HostFunction, module: String, name: String) {
        body = function.body
        asynchronousBody = function.asynchronousBody
        self.module = module
        self.name = name
        referenceResults = FunctionType.cells(of: .funcref, in: function.type.results)
        isUncommon = !referenceResults.isEmpty || asynchronousBody != nil
    }
}

extension [HostFunction] {
    /// The functions as dispatch finds them, in the order of a module's imports; `LinkedFunction`s to be released.
    func retained(for module: DecodedModule) -> [Unmanaged<LinkedFunction>] {
        let names = module.imports.lazy.filter { if case .function = $0.type { true } else { false } }
        return zip(self, names).map { function, imported in
            .passRetained(LinkedFunction(function, module: imported.module, name: imported.name))
        }
    }
}
