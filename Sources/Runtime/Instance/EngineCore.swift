//! What the modules of an engine share.

/// The pool of slots and the numbering of signatures.
public final class EngineCore: Sendable {
    public enum Failure: Error {
        case pool(PoolError)
        case system(operation: String, errno: Int32)
    }

    public let pool: Pool
    let signatures = SignatureTable()
    /// Elements that the tables of one instance may have together.
    let tableElements: Int

    /// Function types that have an id now.
    public var signatureCount: Int { signatures.count }

    public init(pool configuration: PoolConfiguration) throws(Failure) {
        do { try TrapHandler.install() } catch {
            throw .system(operation: error.operation, errno: error.errno)
        }
        tableElements = configuration.tableElements
        do { pool = try Pool(configuration) } catch { throw .pool(error) }
    }
}
