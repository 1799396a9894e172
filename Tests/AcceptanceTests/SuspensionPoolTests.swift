//! Tasks that wait for slots: who gets the hint, who must not keep it, and that a task does not wake itself.

import TestSupport
import Testing

@testable import Mayfly
@testable import Runtime

private let one = "(module (memory 1) (func (export \"f\")))"
private let two = "(module (memory 1) (memory 1) (func (export \"f\")) (func (export \"g\")))"

private func end(_ instance: consuming Instance<Void>) {}

@Suite("Tasks that wait for slots", .serialized) struct SuspensionPoolTests {
    @Test("a task that waits for several slots, of which some are free, does not try again and again")
    func severalSlots() async throws {
        let engine = try Engine(.init(pool: .init(slotCount: 2, exhaustionWait: .milliseconds(500))))
        let single = try engine.compile(text: one).template(imports: Imports<Void>())
        let double = try engine.compile(text: two).template(imports: Imports<Void>())
        let held = try await single.instantiate()
        await #expect(throws: PoolError.self) {
            try await double.withInstance { try await $0.call("f") }
        }
        // What it gave back because it was not enough is no news.
        #expect(engine.poolStatistics.acquisitions < 20)
        try await held.call("f")
    }

    @Test("a hint that is of no use to the first who waits is passed on")
    func passedOn() async throws {
        let engine = try Engine(
            .init(pool: .init(slotCount: 2, exhaustionWait: .seconds(36_000), slotsPerTemplate: 1)))
        let bounded = try engine.compile(text: one).template(imports: Imports<Void>())
        let other = try engine.compile(text: "(module (memory 2) (func (export \"f\")))").template(
            imports: Imports<Void>())
        let third = try engine.compile(text: "(module (memory 3) (func (export \"f\")))").template(
            imports: Imports<Void>())
        let held = try await bounded.instantiate()
        let leaving = try await third.instantiate()
        // More tasks than a release gives hints, none of which may have a second slot.
        let bound = (0..<6).map { _ in
            Task { try await bounded.withInstance { try await $0.call("f") } }
        }
        try await Task.sleep(for: .milliseconds(50))
        let start = ContinuousClock.now
        let task = Task { try await other.withInstance { try await $0.call("f") } }
        try await Task.sleep(for: .milliseconds(50))
        end(leaving)
        try? await task.value
        // Long before the tasks that may have no second slot give up.
        #expect(ContinuousClock.now - start < .seconds(10_000))
        for task in bound { task.cancel() }
        for task in bound { _ = await task.result }
        try await held.call("f")
    }

    @Test("waits that are cancelled while slots become free end, and keep nobody waiting")
    func cancelledWaits() async throws {
        let engine = try Engine(.init(pool: .init(slotCount: 1, spareSlots: 0, exhaustionWait: .seconds(36_000))))
        let template = try engine.compile(text: one).template(imports: Imports<Void>())
        // Threads that take and free the slot, against tasks that are cancelled while they wait for it.
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    for _ in 0..<3000 {
                        let task = Task { try await template.withInstance { try await $0.call("f") } }
                        await Task.yield()
                        task.cancel()
                        _ = await task.result
                    }
                }
            }
            for _ in 0..<2 {
                group.addTask {
                    for _ in 0..<3000 {
                        try? await template.withInstance { _ in await Task.yield() }
                    }
                }
            }
        }
        #expect(engine.core.pool.statistics.live == 0)
        try await template.withInstance { try await $0.call("f") }
    }
}
