//! Says on a terminal how far a long compilation is. Silent when it is short, and when nobody looks.

import Dispatch
import Glibc
import Mayfly

struct CompilationProgress {
    private let timer: (any DispatchSourceTimer)?
    private let queue = DispatchQueue(label: "mayfly.progress")
    private let shown = Shown()

    /// Touched on the queue only.
    private final class Shown: @unchecked Sendable { var ticks = 0 }

    /// Shorter ones are over before anybody has read a line.
    private static let firstTick = DispatchTimeInterval.seconds(1)
    private static let ticksPerSecond = 5

    init(name: String, _ monitor: CompilationMonitor) {
        guard isatty(STDERR_FILENO) == 1, getenv("TERM").map({ String(cString: $0) }) != "dumb" else {
            timer = nil
            return
        }
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now() + Self.firstTick, repeating: .milliseconds(1000 / Self.ticksPerSecond))
        timer.setEventHandler { [shown] in
            let line = Self.line(
                name: name, done: monitor.compiledFunctionCount, of: monitor.functionCount,
                seconds: 1 + shown.ticks / Self.ticksPerSecond)
            shown.ticks += 1
            writeToStandardError("\r\u{1B}[K" + line)
        }
        timer.activate()
        self.timer = timer
    }

    /// What is shown. Functions differ in size, so the bar is a hint.
    static func line(name: String, done: Int, of total: Int, seconds: Int) -> String {
        let width = 24
        let filled = total > 0 ? width * min(done, total) / total : 0
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        return "mayfly: compiling \(name) [\(bar)] \(done) of \(total) functions, \(seconds) s"
    }

    /// Takes the line away.
    func finish() {
        guard let timer else { return }
        queue.sync {
            timer.cancel()
            if shown.ticks > 0 { writeToStandardError("\r\u{1B}[K") }
        }
    }
}
