//! One report at a time.

internal import Synchronization

final class ReportLock: Sendable {
    private let mutex = Mutex<Void>(())

    func withLock(_ body: () -> Void) { mutex.withLock { _ in body() } }
}
