//! poll_oneoff: waiting for descriptors and clocks.

internal import CPlatform
internal import Glibc

extension WASI {
    /// Subscriptions accepted in one call. More than any program can have descriptors and timers for; a bound on what a
    /// call allocates.
    static let maximumSubscriptionCount = 4096

    private static let eventSize = 32

    /// Where the fields of a subscription lie.
    struct SubscriptionLayout {
        let size: Int
        /// Of the clock's number, its timeout and its flags.
        let clock: Int
        let timeout: Int
        let flags: Int

        static let preview1 = SubscriptionLayout(size: 48, clock: 16, timeout: 24, flags: 40)
    }

    private struct Subscription {
        enum Kind: UInt8 { case clock = 0, read, write }
        var userData: UInt64
        var kind: Kind
        /// For a clock: nanoseconds from the start of the call.
        var timeout: UInt64 = 0
        /// For a descriptor to be waited for: its place among the requests.
        var request: Int?
        var error = Errno.success
        /// Happened before any waiting.
        var isReady = false
        /// For a descriptor that is ready.
        var byteCount: UInt64 = 0
    }

    /// - Returns: The number of events stored; at least one, and no more than there are subscriptions.
    func pollOneoff(
        _ memory: GuestMemory, subscriptions: UInt32, events: UInt32, count: UInt32,
        _ layout: SubscriptionLayout = .preview1
    ) throws(Errno) -> UInt32 {
        guard count > 0, count <= Self.maximumSubscriptionCount else { throw .inval }
        let source = try memory.records(at: subscriptions, count: count, stride: layout.size)
        let destination = try memory.records(at: events, count: count, stride: Self.eventSize)

        // All read before any event is stored: the two arrays may overlap.
        var requests = Requests()
        var pending: [Subscription] = []
        pending.reserveCapacity(Int(count))
        for index in 0..<Int(count) {
            let record = UnsafeMutableRawBufferPointer(
                rebasing: source[index * layout.size..<(index + 1) * layout.size])
            pending.append(try subscription(record, layout, &requests))
        }

        let shortest = pending.reduce(UInt64?.none) { shortest, subscription in
            if subscription.isReady { return 0 }
            guard subscription.kind == .clock else { return shortest }
            return min(shortest ?? .max, subscription.timeout)
        }
        let elapsed = try wait(for: &requests, timeout: shortest)

        var stored = 0
        for var subscription in pending {
            var isHangup = false
            if let request = subscription.request {
                let result = requests.result(request, subscription.kind == .read ? .reading : .writing)
                guard result != 0 else { continue }
                subscription.isReady = true
                isHangup = result & POLLHUP != 0
                if result & POLLNVAL != 0 {
                    subscription.error = .badf
                } else if result & POLLERR != 0, subscription.kind == .read {
                    subscription.error = .io
                } else if subscription.kind == .read {
                    subscription.byteCount = UInt64(clamping: mayfly_readable_bytes(requests.polled[request].fd))
                }
            } else if subscription.kind == .clock, !subscription.isReady {
                subscription.isReady = subscription.timeout <= elapsed
            }
            guard subscription.isReady else { continue }
            let event = UnsafeMutableRawBufferPointer(
                rebasing: destination[stored * Self.eventSize..<(stored + 1) * Self.eventSize])
            event.storeLittleEndian(subscription.userData, at: 0)
            event.storeLittleEndian(
                UInt64(subscription.error.rawValue) | UInt64(subscription.kind.rawValue) << 16, at: 8)
            event.storeLittleEndian(subscription.byteCount, at: 16)
            event.storeLittleEndian(isHangup ? UInt64(1) : 0, at: 24)
            stored += 1
        }
        return UInt32(stored)
    }

    private func subscription(
        _ record: UnsafeMutableRawBufferPointer, _ layout: SubscriptionLayout, _ requests: inout Requests
    ) throws(Errno) -> Subscription {
        guard let kind = Subscription.Kind(rawValue: record[8]) else { throw .inval }
        var subscription = Subscription(userData: record.loadLittleEndian(UInt64.self, at: 0), kind: kind)
        do {
            if kind == .clock {
                subscription.timeout = try timeout(record, layout)
            } else {
                let number = record.loadLittleEndian(UInt32.self, at: 16)
                try prepare(&subscription, number, &requests)
            }
        } catch {
            // What is wrong with one subscription is that subscription's event.
            subscription.error = error
            subscription.isReady = true
        }
        return subscription
    }

    /// Nanoseconds from now.
    private func timeout(
        _ record: UnsafeMutableRawBufferPointer, _ layout: SubscriptionLayout
    ) throws(Errno) -> UInt64 {
        let clock = record.loadLittleEndian(UInt32.self, at: layout.clock)
        let timeout = record.loadLittleEndian(UInt64.self, at: layout.timeout)
        let flags = record.loadLittleEndian(UInt16.self, at: layout.flags)
        guard flags & ~1 == 0 else { throw .inval }
        // The processor's clocks stand still while the guest waits.
        guard clock <= 1 else { throw clock <= 3 ? .notsup : .inval }
        guard flags & 1 != 0 else { return timeout }
        let now = try clockTime(clock)
        return timeout > now ? timeout - now : 0
    }

    private func prepare(
        _ subscription: inout Subscription, _ number: UInt32, _ requests: inout Requests
    ) throws(Errno) {
        let descriptor = try descriptors[number]
        try descriptor.require(.pollFdReadwrite)
        guard let direction = OpenFile.Direction(rawValue: subscription.kind.rawValue) else { throw .inval }
        switch try descriptor.file.readiness(direction) {
        case .now(let byteCount):
            subscription.isReady = true
            subscription.byteCount = byteCount
        case .whenReady(let host): subscription.request = requests.add(host, direction)
        }
    }

    /// Waits until a request is ready or the time is over; nil is without end.
    ///
    /// - Returns: The nanoseconds that have passed, at least the timeout if no request became ready.
    private func wait(for requests: inout Requests, timeout: UInt64?) throws(Errno) -> UInt64 {
        guard blueprint.clocks != .host, let timeout else {
            let start = try hostTime()
            let isReady = try waitForHost(&requests, since: start, timeout: timeout)
            let elapsed = try hostTime() &- start
            return isReady ? elapsed : max(elapsed, timeout ?? 0)
        }
        // A fixed clock moves by what is waited for, at once.
        if try waitForHost(&requests, since: try hostTime(), timeout: 0) { return 0 }
        waitedTime &+= timeout
        return timeout
    }

    private func hostTime() throws(Errno) -> UInt64 {
        var time = timespec()
        try checked(clock_gettime(CLOCK_MONOTONIC, &time))
        return time.nanoseconds
    }

    /// - Returns: A request is ready; if not, the time is over.
    private func waitForHost(
        _ requests: inout Requests, since start: UInt64, timeout: UInt64?
    ) throws(Errno) -> Bool {
        // Nothing to ask the kernel about, and nothing to wait for.
        if timeout == 0, requests.polled.isEmpty { return false }
        while true {
            let result: Int32
            if let timeout {
                let passed = try hostTime() &- start
                let remaining = timeout > passed ? timeout - passed : 0
                // 2^64 nanoseconds are fewer seconds than time_t holds.
                var limit = timespec(tv_sec: Int(remaining / 1_000_000_000), tv_nsec: Int(remaining % 1_000_000_000))
                result = mayfly_poll(&requests.polled, nfds_t(requests.polled.count), &limit)
            } else {
                result = mayfly_poll(&requests.polled, nfds_t(requests.polled.count), nil)
            }
            if result >= 0 { return result > 0 }
            // After a signal the results are not filled in.
            if result != -EINTR || isToStop { throw Errno(host: -result) }
        }
    }
}

/// What poll(2) is asked: each descriptor once, however many subscriptions there are to it. The kernel refuses more
/// requests than the process may have descriptors.
private struct Requests {
    var polled: [pollfd] = []
    private var places: [Int32: Int] = [:]

    /// - Returns: The descriptor's place.
    mutating func add(_ descriptor: Int32, _ direction: OpenFile.Direction) -> Int {
        let place: Int
        if let known = places[descriptor] {
            place = known
        } else {
            place = polled.count
            places[descriptor] = place
            polled.append(pollfd(fd: descriptor, events: 0, revents: 0))
        }
        polled[place].events |= Int16(Self.event(direction))
        return place
    }

    /// What has happened there that somebody waits for who waits for this.
    func result(_ place: Int, _ direction: OpenFile.Direction) -> Int32 {
        Int32(polled[place].revents) & (Self.event(direction) | POLLHUP | POLLERR | POLLNVAL)
    }

    private static func event(_ direction: OpenFile.Direction) -> Int32 { direction == .reading ? POLLIN : POLLOUT }
}
