//! Clocks: the host's, or fixed ones that only waiting moves.

internal import Glibc

extension WASI {
    /// `clockid`.
    enum Clock: UInt32 { case realtime, monotonic, processTime, threadTime }

    private func clock(_ number: UInt32) throws(Errno) -> Clock {
        guard let clock = Clock(rawValue: number) else { throw .inval }
        return clock
    }

    /// Nanoseconds.
    func clockResolution(_ number: UInt32) throws(Errno) -> UInt64 {
        let clock = try clock(number)
        guard blueprint.clocks == .host else { return 1 }
        var time = timespec()
        try checked(clock_getres(clock.host, &time))
        return time.nanoseconds
    }

    /// Nanoseconds.
    func clockTime(_ number: UInt32) throws(Errno) -> UInt64 { try time(try clock(number)) }

    /// Times for a file. Where clocks are fixed, now is what they say.
    func timestamps(_ access: UInt64, _ modification: UInt64, _ flags: UInt16) throws(Errno) -> Timestamps {
        let times = try Timestamps(access: access, modification: modification, flags: flags)
        return blueprint.clocks == .host ? times : times.resolvingNow(to: try time(.realtime))
    }

    /// Nanoseconds.
    func time(_ clock: Clock) throws(Errno) -> UInt64 {
        switch (blueprint.clocks, clock) {
        case (.host, _):
            var time = timespec()
            try checked(clock_gettime(clock.host, &time))
            return time.nanoseconds
        case (.fixed(let realtime, _), .realtime): return realtime &+ waitedTime
        case (.fixed(_, let monotonic), .monotonic): return monotonic &+ waitedTime
        case (.fixed, _): return 0
        }
    }
}

extension WASI.Clock {
    fileprivate var host: clockid_t {
        switch self {
        case .realtime: CLOCK_REALTIME
        case .monotonic: CLOCK_MONOTONIC
        case .processTime: CLOCK_PROCESS_CPUTIME_ID
        case .threadTime: CLOCK_THREAD_CPUTIME_ID
        }
    }
}

extension timespec {
    /// Since the clock's origin; wraps after 584 years.
    var nanoseconds: UInt64 {
        UInt64(truncatingIfNeeded: tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: tv_nsec)
    }
}
