//! Threads and the shards they take slots from: few of them meet, and where they do, neither pays for the other's runs.

import CPlatform
import Glibc
import Runtime
import Synchronization
import Testing

@Suite struct PoolShardTests {
    /// More than shards that a pool can have, and a multiple of their number.
    private static let period = 64

    @Test func aThreadTakesTheNumberOfOneThatHasEnded() async {
        await #expect(processExitsWith: .success) {
            let numbers = Mutex<Set<UInt32>>([])
            for _ in 0..<50 {
                onAnotherThread { numbers.withLock { _ = $0.insert(mayfly_thread_self().pointee.ordinal) } }
            }
            // Not one: a thread is waited for until it is almost over.
            #expect(numbers.withLock { $0.count } < 25)
            // As many as there are at once have one each.
            numbers.withLock { $0 = [] }
            let arrived = Tally()
            withThreads(40) { _ in
                numbers.withLock { _ = $0.insert(mayfly_thread_self().pointee.ordinal) }
                arrived.add()
                while arrived.value < 40 { usleep(100) }
            }
            #expect(numbers.withLock { $0.count } == 40)
        }
    }

    @Test func moreThreadsThanNumbersAreToldApartAllTheSame() async {
        await #expect(processExitsWith: .success) {
            let serials = Mutex<Set<UInt64>>([])
            let ordinals = Mutex<Set<UInt32>>([])
            let arrived = Tally()
            withThreads(1100) { _ in
                serials.withLock { _ = $0.insert(mayfly_thread_self().pointee.serial) }
                ordinals.withLock { _ = $0.insert(mayfly_thread_self().pointee.ordinal) }
                arrived.add()
                while arrived.value < 1100 { usleep(1000) }
            }
            #expect(serials.withLock { $0.count } == 1100 && ordinals.withLock { $0.count } == 1100)
        }
    }

    /// Two threads of the same shard take turns; what they write to is known, so nobody has to search anything.
    @Test func threadsThatShareAShardDoNotSearchEachOthersSlots() async {
        await #expect(processExitsWith: .success) {
            let pool = try makePool(.tracking, slots: 64)
            let image = try makeImage(pages: 10, segments: [segment(0, [1])])
            let ordinals = Mutex([UInt32](repeating: 0, count: Self.period + 8))
            let arrived = Tally()
            let turn = Atomic<Int>(0)
            let turns = 2000
            let early = Atomic<UInt64>(0)
            let problems = Tally()
            withThreads(Self.period + 8) { index in
                ordinals.withLock { $0[index] = mayfly_thread_self().pointee.ordinal }
                arrived.add()
                while arrived.value < Self.period + 8 { usleep(100) }
                let pair = ordinals.withLock { all -> [Int] in
                    let first = all.indices.first { all.contains(all[$0] + UInt32(Self.period)) }!
                    return [first, all.firstIndex(of: all[first] + UInt32(Self.period))!]
                }
                guard let mine = pair.firstIndex(of: index) else {
                    // Keeps its number.
                    while turn.load(ordering: .acquiring) < turns { usleep(1000) }
                    return
                }
                while true {
                    let now = turn.load(ordering: .acquiring)
                    if now >= turns { break }
                    guard now % 2 == mine else { continue }
                    if now == turns / 2 { early.store(pool.statistics.scans, ordering: .relaxed) }
                    for _ in 0..<3 {
                        do {
                            try pool.run(image) { slot in
                                if slot.byte(0) != 1 || slot.byte(3) != 0 || slot.byte(90) != 0 { problems.add() }
                                slot.setByte(3 + mine * 87, 0xEE)
                            }
                        } catch { problems.add() }
                    }
                    turn.wrappingAdd(1, ordering: .releasing)
                }
            }
            #expect(problems.value == 0)
            #expect(pool.statistics.deferredResets > 1000)
            // Of 3000 runs in the second half a few may have met a fault of the threads' own.
            #expect(pool.statistics.scans - early.load(ordering: .relaxed) < 300)
        }
    }
}
