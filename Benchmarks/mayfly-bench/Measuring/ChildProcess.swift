//! A program that runs beside this one, for its files: what it prints is dropped.

import Glibc

final class ChildProcess {
    private let identifier: pid_t
    private var isReaped = false

    /// Starts a program, without a shell. Nil if there is none of that name on the PATH.
    init?(_ arguments: [String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var child: pid_t = 0
        let error = posix_spawnp(&child, arguments[0], &actions, nil, &argv, environ)
        if error == ENOENT { return nil }
        guard error == 0 else {
            throw BenchmarkError("cannot run \(arguments[0]): \(String(cString: strerror(error)))")
        }
        identifier = child
    }

    /// Waits for its end; nil if it has not come after so many seconds, counted from now.
    ///
    /// To be called once.
    func status(within seconds: Double) -> Int32? {
        let end = monotonicNanoseconds() + UInt64(seconds * 1e9)
        var status: Int32 = 0
        repeat {
            let found = waitpid(identifier, &status, WNOHANG)
            if found == identifier {
                isReaped = true
                return status
            }
            // Short beside any process's life. SIGCHLD would tell, but belongs to whoever uses the process.
            usleep(200)
        } while monotonicNanoseconds() < end
        return nil
    }

    deinit {
        if isReaped { return }
        kill(identifier, SIGKILL)
        var status: Int32 = 0
        while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
    }
}
