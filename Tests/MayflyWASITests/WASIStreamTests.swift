//! Streams of the host: waiting for them, being interrupted, and not harming the process that lends them.

import Foundation
import Testing

@testable import MayflyWASI

@Suite("WASI: streams and waiting")
struct WASIStreamTests {
    private struct Event: Equatable {
        var userData: UInt64
        var error: UInt16
        var kind: UInt8
        var byteCount: UInt64 = 0
        var isHangup = false
    }

    private enum Subscription {
        case clock(UInt32, UInt64, absolute: Bool = false)
        case read(UInt32)
        case write(UInt32)
    }

    /// Places subscriptions with their index as user data, and polls.
    private func poll(_ guest: TestGuest, _ subscriptions: [Subscription], overlapping: Bool = false) -> (
        Errno, [Event]
    ) {
        let source = guest.allocate(48 * subscriptions.count)
        for (index, subscription) in subscriptions.enumerated() {
            let record = source + UInt32(index) * 48
            for word in 0..<UInt32(6) { guest.store(UInt64(0), at: record + word * 8) }
            guest.store(UInt64(index), at: record)
            switch subscription {
            case .clock(let clock, let timeout, let absolute):
                guest.store(UInt8(0), at: record + 8)
                guest.store(clock, at: record + 16)
                guest.store(timeout, at: record + 24)
                guest.store(UInt16(absolute ? 1 : 0), at: record + 40)
            case .read(let descriptor):
                guest.store(UInt8(1), at: record + 8)
                guest.store(descriptor, at: record + 16)
            case .write(let descriptor):
                guest.store(UInt8(2), at: record + 8)
                guest.store(descriptor, at: record + 16)
            }
        }
        let destination = overlapping ? source : guest.allocate(32 * subscriptions.count)
        let result = guest.allocate(4)
        let error = guest.call(
            "poll_oneoff", UInt64(source), UInt64(destination), UInt64(subscriptions.count), UInt64(result))
        guard error == .success else { return (error, []) }
        return (
            error,
            (0..<guest.load(UInt32.self, at: result)).map { index in
                let record = destination + index * 32
                return Event(
                    userData: guest.load(UInt64.self, at: record), error: guest.load(UInt16.self, at: record + 8),
                    kind: guest.load(UInt8.self, at: record + 10),
                    byteCount: guest.load(UInt64.self, at: record + 16),
                    isHangup: guest.load(UInt16.self, at: record + 24) == 1)
            }
        )
    }

    @Test("a clock ends the wait, not before its time")
    func clock() {
        let guest = TestGuest(WASI.Configuration())
        let start = Date()
        #expect(poll(guest, [.clock(1, 20_000_000)]) == (.success, [Event(userData: 0, error: 0, kind: 0)]))
        #expect(Date().timeIntervalSince(start) >= 0.019)
        // The shorter of two, and one that lies in the past.
        #expect(
            poll(guest, [.clock(1, 1 << 62), .clock(0, 1_000_000)])
                == (.success, [Event(userData: 1, error: 0, kind: 0)]))
        #expect(poll(guest, [.clock(0, 1, absolute: true)]).1 == [Event(userData: 0, error: 0, kind: 0)])
        #expect(poll(guest, [.clock(9, 1)]).1 == [Event(userData: 0, error: Errno.inval.rawValue, kind: 0)])
    }

    @Test("streams are reported ready with what they hold")
    func streams() {
        let pipe = PipePair()
        var configuration = WASI.Configuration()
        configuration.standardInput = .descriptor(pipe.reader)
        configuration.standardOutput = .descriptor(pipe.writer)
        configuration.standardError = .capture
        let guest = TestGuest(configuration)
        // Nothing to read: the clock wins.
        #expect(poll(guest, [.read(0), .clock(1, 1_000_000)]).1 == [Event(userData: 1, error: 0, kind: 0)])
        #expect(guest.write(1, "12345") == (.success, 5))
        for overlapping in [false, true] {
            #expect(
                poll(guest, [.clock(1, 1 << 62), .read(0), .write(1), .write(2), .read(77)], overlapping: overlapping).1
                    == [
                        Event(userData: 1, error: 0, kind: 1, byteCount: 5), Event(userData: 2, error: 0, kind: 2),
                        Event(userData: 3, error: 0, kind: 2), Event(userData: 4, error: 8, kind: 1),
                    ])
        }
        #expect(guest.read(0) == (.success, Array("12345".utf8)))
        pipe.closeWriter()
        #expect(poll(guest, [.read(0)]).1 == [Event(userData: 0, error: 0, kind: 1, isHangup: true)])
    }

    @Test("waiting for many descriptors takes time, but not the processor's")
    func many() {
        let pipes = (0..<60).map { _ in PipePair() }
        var configuration = WASI.Configuration()
        for pipe in pipes { configuration.preopen(socket: pipe.reader) }
        let guest = TestGuest(configuration)
        func processorTime() -> Int {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return time.tv_sec * 1_000_000_000 + time.tv_nsec
        }
        // Each twice: the kernel is asked about each once.
        let descriptors = (3..<UInt32(63)).flatMap { [Subscription.read($0), .read($0)] }
        let (start, startOfWork) = (Date(), processorTime())
        #expect(
            poll(guest, descriptors + [.clock(1, 200_000_000)]).1
                == [Event(userData: 120, error: 0, kind: 0)])
        #expect(Date().timeIntervalSince(start) >= 0.199)
        #expect(processorTime() - startOfWork < 50_000_000)
        #expect(Glibc.write(pipes[40].writer, "ab", 2) == 2)
        #expect(
            poll(guest, descriptors + [.clock(1, 200_000_000)]).1
                == [80, 81].map { Event(userData: $0, error: 0, kind: 1, byteCount: 2) })
    }

    @Test("input in memory is ready with its size")
    func bytes() {
        var configuration = WASI.Configuration()
        configuration.standardInput = .bytes([1, 2, 3])
        let guest = TestGuest(configuration)
        #expect(
            poll(guest, [.read(0), .write(0)]).1 == [
                Event(userData: 0, error: 0, kind: 1, byteCount: 3), Event(userData: 1, error: 8, kind: 2),
            ])
    }

    @Test("senseless subscriptions are refused")
    func refused() {
        let guest = TestGuest(WASI.Configuration())
        #expect(guest.call("poll_oneoff", 4096, 4096, 0, 0) == .inval)
        #expect(guest.call("poll_oneoff", 4096, 4096, 1 << 20, 0) == .inval)
        #expect(guest.call("poll_oneoff", 4096, 4096, UInt64(UInt32.max), 0) == .inval)
        #expect(guest.call("poll_oneoff", UInt64(TestGuest.memorySize), 4096, 1, 0) == .fault)
        let record = guest.allocate(48)
        guest.store(UInt8(3), at: record + 8)
        #expect(guest.call("poll_oneoff", UInt64(record), 4096, 1, 0) == .inval)
    }

    @Test("writing to a pipe that nobody reads is an error, not the end of the process")
    func brokenPipe() {
        let pipe = PipePair()
        var configuration = WASI.Configuration()
        configuration.standardOutput = .descriptor(pipe.writer)
        let guest = TestGuest(configuration)
        pipe.closeReader()
        #expect(guest.write(1, "x").0 == .pipe)
        var pending = sigset_t()
        sigpending(&pending)
        #expect(sigismember(&pending, SIGPIPE) == 0)
    }

    @Test("a stream that does not block does not, and the host's own flags stay")
    func nonblocking() {
        let pipe = PipePair()
        var configuration = WASI.Configuration()
        configuration.standardInput = .descriptor(pipe.reader)
        let guest = TestGuest(configuration)
        let nonblock = UInt64(DescriptorFlags.nonblock.rawValue)
        #expect(guest.call("fd_fdstat_set_flags", 0, nonblock) == .success)
        #expect(guest.read(0).0 == .again)
        #expect(fcntl(pipe.reader, F_GETFL) & O_NONBLOCK == 0)
        let status = guest.allocate(24)
        #expect(guest.call("fd_fdstat_get", 0, UInt64(status)) == .success)
        #expect(guest.load(UInt16.self, at: status + 2) == DescriptorFlags.nonblock.rawValue)
        #expect(Glibc.write(pipe.writer, "ab", 2) == 2)
        #expect(guest.read(0) == (.success, Array("ab".utf8)))
        #expect(guest.call("fd_fdstat_set_flags", 0, 1 << 5) == .inval)
    }

    /// Handed from thread to thread by its semaphores.
    private final class Wait: @unchecked Sendable {
        let started = DispatchSemaphore(value: 0)
        let ended = DispatchSemaphore(value: 0)
        var thread = pthread_self()
        var asked = 0
        var error = Errno.success
        var events: [Event] = []
    }

    @Test("a signal ends a wait only if the guest shall stop", arguments: [false, true])
    func interruption(_ stops: Bool) {
        // Without SA_RESTART, so that the wait is interrupted.
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        sigaction(SIGUSR2, &action, nil)

        // A thread of its own, for those of the test runner block signals; new threads inherit that.
        let wait = Wait()
        let waiter = Thread {
            let guest = TestGuest(WASI.Configuration())
            guest.wasi.isStopRequested = {
                wait.asked += 1
                return stops
            }
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGUSR2)
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            wait.thread = pthread_self()
            wait.started.signal()
            (wait.error, wait.events) = poll(guest, [.clock(1, stops ? 20_000_000_000 : 300_000_000)])
            wait.ended.signal()
        }
        let start = Date()
        waiter.start()
        wait.started.wait()
        // Rung until it is over: a signal before the wait has begun interrupts nothing.
        while wait.ended.wait(timeout: .now() + .milliseconds(20)) == .timedOut { pthread_kill(wait.thread, SIGUSR2) }
        #expect(wait.asked > 0)
        #expect(wait.error == (stops ? .intr : .success))
        #expect(wait.events.count == (stops ? 0 : 1))
        #expect(stops || Date().timeIntervalSince(start) >= 0.3)
    }
}
