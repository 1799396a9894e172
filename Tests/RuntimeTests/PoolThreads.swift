import Foundation
import Glibc
import Synchronization

/// Runs `body` on that many threads at once and waits for all.
func withThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        Thread {
            body(index)
            group.leave()
        }.start()
    }
    group.wait()
}

/// Runs `body` on a thread made for it and waits.
func onAnotherThread(_ body: @escaping @Sendable () -> Void) { withThreads(1) { _ in body() } }

/// Waits until something is so, for 20 seconds at most. False if it never was.
func waitUntil(_ condition: () -> Bool) -> Bool {
    for _ in 0..<20_000 {
        if condition() { return true }
        usleep(1000)
    }
    return false
}

/// Several threads count into it.
final class Tally: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.wrappingAdd(1, ordering: .relaxed) }
}
