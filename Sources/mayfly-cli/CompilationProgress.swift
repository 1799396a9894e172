//! Says on a terminal that a long compilation is under way. Silent when it is short, and when nobody looks.

import Dispatch
import Glibc

struct CompilationProgress {
    private let timer: (any DispatchSourceTimer)?
    private let queue = DispatchQueue(label: "mayfly.progress")
    private let shown = Shown()

    /// Touched on the queue only.
    private final class Shown: @unchecked Sendable { var seconds = 0 }

    init(name: String) {
        guard isatty(STDERR_FILENO) == 1, getenv("TERM").map({ String(cString: $0) }) != "dumb" else {
            timer = nil
            return
        }
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now() + 1, repeating: 1)
        timer.setEventHandler { [shown] in
            shown.seconds += 1
            writeToStandardError("\r\u{1B}[Kmayfly: compiling \(name), \(shown.seconds) s")
        }
        timer.activate()
        self.timer = timer
    }

    /// Takes the line away.
    func finish() {
        guard let timer else { return }
        queue.sync {
            timer.cancel()
            if shown.seconds > 0 { writeToStandardError("\r\u{1B}[K") }
        }
    }
}
