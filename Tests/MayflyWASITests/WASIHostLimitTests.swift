//! Limits that the host process runs under: a guest that hits one gets an error, and the process lives on.

import Foundation
import Testing

@testable import MayflyWASI

@Suite("WASI: limits of the process")
struct WASIHostLimitTests {
    @Test("growing a file beyond the process's limit is an error, and no signal that ends the process")
    func fileSize() throws {
        // So far beyond what anybody else writes in this process that nobody else meets it.
        let limit: UInt64 = 1 << 40
        let beyond = limit * 2
        let directory = try TestDirectory()
        try directory.write("text", to: "file")
        let guest = try directory.guest()
        let (_, file) = guest.open("file", rights: TestGuest.readWrite)
        let vector = guest.allocate(16)
        guest.store(vector + 8, at: vector)
        guest.store(UInt32(1), at: vector + 4)
        let result = UInt64(guest.allocate(8))

        // Pending instead of deadly, should it come.
        var signal = sigset_t()
        var previous = sigset_t()
        sigemptyset(&signal)
        sigaddset(&signal, SIGXFSZ)
        pthread_sigmask(SIG_BLOCK, &signal, &previous)
        var unlimited = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &unlimited)
        var limited = unlimited
        limited.rlim_cur = rlim_t(limit)
        try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limited) == 0)
        defer {
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &unlimited)
            pthread_sigmask(SIG_SETMASK, &previous, nil)
        }

        for (name, act) in [
            ("fd_filestat_set_size", { guest.call("fd_filestat_set_size", file, beyond) }),
            ("fd_allocate", { guest.call("fd_allocate", file, beyond, 1) }),
            ("fd_pwrite", { guest.call("fd_pwrite", file, UInt64(vector), 1, beyond, result) }),
            (
                "fd_write",
                {
                    _ = guest.call("fd_seek", file, beyond, 0, result)
                    return guest.call("fd_write", file, UInt64(vector), 1, result)
                }
            ),
        ] as [(String, () -> Errno)] {
            #expect(act() == .fbig, "\(name)")
            var noWait = timespec()
            let isPending = sigtimedwait(&signal, nil, &noWait) == SIGXFSZ
            #expect(!isPending, "\(name)")
        }
    }
}
