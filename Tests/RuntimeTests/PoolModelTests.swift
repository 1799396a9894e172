//! Random operations on a pool, each compared with a plain model: arrays of bytes for memories, tables and globals.
//!
//! The model knows nothing of pages, policies or mappings. Every instance must start as its image says, whatever happened in
//! its slot before; must see its own writes and nobody else's; and must grow exactly as its limits allow. An image may be a
//! snapshot of an instance of a snapshot; an instance may be copied to another one, and go back to what it was.

import CPlatform
import Compiler
import Glibc
import TestSupport
import Testing

@testable import Runtime

@Suite struct PoolModelTests {
    /// `MAYFLY_POOL_MODEL_STEPS` overrides it, for a longer run by hand.
    private static var steps: Int {
        if let text = getenv("MAYFLY_POOL_MODEL_STEPS"), let count = Int(String(cString: text)) { return count }
        return 1_000_000
    }

    @Test func aPoolBehavesLikeItsModelForAMillionSteps() throws {
        let combinations = PoolPolicies.all
        for (number, policies) in combinations.enumerated() {
            let seed = UInt64(20_261_125 + number)
            print("pool model: \(policies), seed \(seed)")
            var run = try ModelRun(policies, seed: seed)
            try run.perform(Self.steps / combinations.count)
        }
    }

    @Test func aPoolBehavesLikeItsModelWhileSystemCallsFail() throws {
        for (number, policies) in PoolPolicies.all.enumerated() {
            let seed = UInt64(20_261_201 + number)
            print("pool model with failures: \(policies), seed \(seed)")
            var run = try ModelRun(policies, seed: seed, isFailing: true)
            try run.perform(Self.steps / 30)
        }
    }

    /// In a process of its own, where the kernel fills mappings in without a fault of anybody's. (Dense slots cannot be had there
    /// with guard markers; without, `PoolDenseTests` has them.)
    @Test(arguments: PoolPolicies.all.filter { !$0.isDense })
    func aPoolBehavesLikeItsModelInLockedMemory(_ policies: PoolPolicies) async {
        await #expect(processExitsWith: .success) { [policies] in
            _ = KernelFeatures.current
            guard mlockall(MCL_FUTURE) == 0 else { return }
            var run = try ModelRun(policies, seed: 20_261_128, isLocked: true)
            try run.perform(4000)
        }
    }
}

/// A geometry, a way of resetting and a way of growing.
struct PoolPolicies: CustomStringConvertible, Sendable, Hashable {
    var reset: ResetPolicy
    /// Of dense slots, which grow by their length alone, it says nothing.
    var growth: GrowthPolicy
    var isDense = false

    var description: String { isDense ? "\(reset), dense" : "\(reset), \(growth)" }

    /// All that work on this kernel.
    static var all: [PoolPolicies] { guarded + dense }

    /// Those of slots with guards around their memories.
    static var guarded: [PoolPolicies] {
        KernelFeatures.current.resetPolicies.flatMap { reset in
            GrowthPolicy.allCases.map { PoolPolicies(reset: reset, growth: $0) }
        }
    }

    /// Those of slots side by side.
    static var dense: [PoolPolicies] {
        KernelFeatures.current.resetPolicies.map { PoolPolicies(reset: $0, growth: .protect, isDense: true) }
    }

    /// Pages of 64 KiB that a test's memory may have: as many as it likes, or what a dense slot has.
    func pages(_ wanted: Int) -> Int { isDense ? min(wanted, 256) : wanted }
}

/// An instance's state as the specification sees it.
private struct Model {
    /// Pages of 4 KiB that are not all zero, by number. Memories of many MiB are mostly zero.
    private(set) var pages: [Int: [UInt8]] = [:]
    var memoryBytes = 0
    var maximumBytes = 0
    var tables: [[UInt64]] = []
    var globals: [UInt64] = []

    static let zeroPage = [UInt8](repeating: 0, count: 4096)

    func page(_ number: Int) -> [UInt8] { pages[number] ?? Self.zeroPage }

    mutating func set(_ offset: Int, _ value: UInt8) {
        pages[offset / 4096, default: Self.zeroPage][offset % 4096] = value
    }
}

private struct ModelImage {
    var image: InstanceImage
    var initial: Model
    var mutableTables: [Int]
    var tableMaximum: Int
}

private struct ModelInstance {
    var slot: Slot
    /// Which of the run's images it began with, and that image: another one may have taken its place since.
    var kind: Int
    var image: ModelImage
    var use = SlotUse()
    var state: Model
    /// What it can be made again.
    var points: [(state: SlotState, model: Model)] = []
    /// Pages written to, where differences would be.
    var touched: Set<Int> = []
}

private struct ModelRun {
    private static let slots = 6
    /// Of images that are made from segments, and those that are snapshots.
    private static let (made, snapshots) = (8, 4)

    let pool: Pool
    let policies: PoolPolicies
    private var mostMemory: Int { policies.pages(384) * wasmPage }
    let seed: UInt64
    var random: SplitMix64
    var images: [ModelImage] = []
    var live: [ModelInstance] = []
    var step = 0
    /// Now and then a system call fails. What was asked for may then be refused, but nothing else may change.
    let isFailing: Bool
    private(set) var refusals = 0
    /// Pages that nobody has written to are there from the beginning: slots are looked at more often.
    let isLocked: Bool

    init(_ policies: PoolPolicies, seed: UInt64, isFailing: Bool = false, isLocked: Bool = false) throws {
        self.seed = seed
        self.isFailing = isFailing
        self.isLocked = isLocked
        self.policies = policies
        random = SplitMix64(seed: seed)
        pool = try makePool(
            policies, slots: Self.slots, maximumMemoryBytes: UInt64(policies.pages(384) * wasmPage),
            stackBytes: 128 << 10, contextBytes: 16 << 10, tableElements: 2048, warmBytes: 8 << 20)
        for kind in 0..<Self.made { images.append(try makeModelImage(kind)) }
        for kind in 0..<Self.snapshots { images.append(images[kind]) }
    }

    mutating func perform(_ count: Int) throws {
        for step in 0..<count {
            self.step = step
            if step % 4000 == 3999, !isFailing { try performCalmly() }
            let mayFail = isFailing && Int.random(in: 0..<6, using: &random) == 0
            if mayFail {
                mayfly_test_fail_next(
                    Int32.random(in: 0..<Int32(MAYFLY_CALL_KINDS), using: &random),
                    Int32.random(in: 0..<3, using: &random),
                    Int32.random(in: 1...3, using: &random), ENOMEM)
            }
            defer { if mayFail { for kind in 0..<Int32(MAYFLY_CALL_KINDS) { mayfly_test_fail_next(kind, 0, 0, 0) } } }
            switch Int.random(in: 0..<108, using: &random) {
            case 100: try takeSnapshot()
            case 101..<103: try copyInstance()
            case 103..<105: try takeState()
            case 105..<108: try restoreState()
            case 0..<22: try acquire()
            case 22..<42: try release()
            case 42..<74: write()
            case 74..<80: writeByKernel()
            case 80..<85: grow()
            case 85..<88: growTable()
            case 88..<93: writeTable()
            case 93..<97: writeGlobal()
            case 97: try replaceImage()
            case 98: if step % 50 == 0 { pool.trim() }
            default: if step % 10 == 0 { verifyRandomInstance() }
            }
        }
        while !live.isEmpty { try release() }
        if isFailing {
            #expect(refusals > 0, "seed \(seed)")
            #expect(pool.statistics.live == 0, "seed \(seed)")
            return
        }
        // Otherwise the calm was none, and an important part has not been tried.
        if pool.statistics.resetPolicy == .track, !isLocked {
            #expect(pool.statistics.deferredResets > 0, "seed \(seed)")
        }
        #expect(pool.statistics.live == 0, "seed \(seed)")
        #expect(pool.statistics.retired == 0, "seed \(seed)")
        #expect(pool.statistics.failedResets == 0, "seed \(seed)")
    }

    /// Many runs of one image that write to the same few places, as a server's requests do, until slots wait to be settled
    /// (under `track`); then a run that writes elsewhere, and more of the usual.
    private mutating func performCalmly() throws {
        guard live.count < Self.slots / 2 else { return }
        let kind = [0, 1, 3].randomElement(using: &random)!
        // Slots that keep many pages do not wait.
        pool.trim()
        let elsewhere = Int.random(in: 4...14, using: &random)
        for round in 0..<160 {
            // There is a free slot: none is taken meanwhile.
            let slot = try pool.acquire(images[kind].image)
            live.append(ModelInstance(slot: slot, kind: kind, image: images[kind], state: images[kind].initial))
            let index = live.count - 1
            verify(index, pages: Set(0..<16))
            live[index].use.note()
            for page in round % 80 == 79 ? [0, elsewhere] : [0, 3] {
                live[index].slot.setByte(page * 4096 + 99, 0xEE)
                live[index].state.set(page * 4096 + 99, 0xEE)
            }
            pool.release(slot, after: live.removeLast().use)
        }
    }

    private func context(_ what: String) -> Comment { "seed \(seed), step \(step): \(what)" }

    // MARK: Images

    /// Images of every sort: none, empty, copied, mapped, with outliers, scattered, with tables, large.
    private mutating func makeModelImage(_ kind: Int) throws -> ModelImage {
        let pages = [1, 1, 2, 17, 40, 64, policies.pages(300), 0][kind]
        var segments: [Segment] = []
        var state = Model()
        func add(_ offset: Int, _ count: Int) {
            var bytes = [UInt8](repeating: 0, count: count)
            for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next()) | 1 }
            segments.append(segment(offset, bytes))
            for (index, byte) in bytes.enumerated() { state.set(offset + index, byte) }
        }
        switch kind {
        case 1: add(Int.random(in: 0..<60_000, using: &random), 400)
        case 2: add(4090, 20)
        case 3: for page in 0..<12 { add(page * 8192 + 17, 600) }
        case 4: add(70_000, 50_000)
        case 5: for page in 0..<20 { add(page * 3 * 4096, 100) }
        case 6:
            add(100, 3000)
            let end = policies.isDense ? 15 << 20 : 18 << 20
            add(end, 500)
            add(end + 40_000, 5)
        default: break
        }
        state.memoryBytes = pages * wasmPage
        state.maximumBytes = kind == 3 ? state.memoryBytes : kind == 2 ? 5 * wasmPage : mostMemory
        let isTabled = kind % 2 == 1
        state.tables = isTabled ? [(0..<40).map { UInt64($0) }, [7, 7], [0, 0, 0]] : []
        let tables =
            isTabled
            ? [
                Table(elements: state.tables[0], maximum: 60), Table(elements: state.tables[1], isImmutable: true),
                Table(elements: state.tables[2], maximum: 200),
            ] : []
        let image = try makeImage(
            pages: kind == 7 ? nil : pages, maximumPages: state.maximumBytes / wasmPage, segments: segments,
            tables: tables, globals: 4)
        state.globals = (0..<8).map { cell in
            (0..<8).reduce(0) { $0 | UInt64(cell / 2 & 15 + 1) << UInt64($1 * 8) }
        }
        return ModelImage(image: image, initial: state, mutableTables: isTabled ? [0, 2] : [], tableMaximum: 60)
    }

    /// A template goes and another comes, whether or not instances of the old one live.
    private mutating func replaceImage() throws {
        guard step % 7 == 0 else { return }
        let kind = Int.random(in: 0..<Self.made, using: &random)
        do { images[kind] = try makeModelImage(kind) } catch { try refuse(error) }
    }

    /// A snapshot's template takes the place of an earlier one, whether or not instances of that live.
    private mutating func takeSnapshot() throws {
        guard let index = pick() else { return }
        let kind = Self.made + Int.random(in: 0..<Self.snapshots, using: &random)
        let origin = live[index].image
        do {
            images[kind] = ModelImage(
                image: try pool.image(of: live[index].slot, after: &live[index].use), initial: live[index].state,
                mutableTables: origin.mutableTables, tableMaximum: origin.tableMaximum)
        } catch { try refuse(error) }
        verify(index, pages: live[index].touched)
    }

    private mutating func copyInstance() throws {
        guard let index = pick() else { return }
        do {
            let slot = try pool.acquire(live[index].image.image)
            var copy = ModelInstance(
                slot: slot, kind: live[index].kind, image: live[index].image, state: live[index].state)
            copy.touched = live[index].touched
            do {
                try pool.copy(live[index].slot, after: &live[index].use, to: slot, after: &copy.use)
            } catch {
                pool.release(slot, after: copy.use)
                throw error
            }
            live.append(copy)
        } catch PoolError.exhausted {
            return
        } catch {
            try refuse(error)
            verify(index, pages: live[index].touched)
            return
        }
        verify(live.count - 1, pages: samplePages(of: live.count - 1).union(live[index].touched))
        verify(index, pages: live[index].touched)
    }

    private mutating func takeState() throws {
        guard let index = pick(where: { $0.points.count < 3 }) else { return }
        do {
            live[index].points.append(
                (try pool.state(of: live[index].slot, after: &live[index].use), live[index].state))
        } catch { try refuse(error) }
        verify(index, pages: live[index].touched)
    }

    private mutating func restoreState() throws {
        guard let index = pick(where: { !$0.points.isEmpty }) else { return }
        let point = live[index].points.randomElement(using: &random)!
        do {
            try pool.restore(live[index].slot, after: &live[index].use, to: point.state)
        } catch {
            // What it holds now, nobody has promised.
            try refuse(error)
            pool.release(live[index].slot, after: live[index].use)
            live.remove(at: index)
            return
        }
        live[index].state = point.model
        verify(index, pages: samplePages(of: index).union(live[index].touched))
    }

    /// A refusal is an error unless a system call was made to fail.
    private mutating func refuse(_ error: any Error) throws {
        guard isFailing, error is PoolError else { throw error }
        refusals += 1
    }

    // MARK: Steps

    private mutating func acquire() throws {
        let kind = Int.random(in: 0..<images.count, using: &random)
        do {
            let slot = try pool.acquire(images[kind].image)
            live.append(ModelInstance(slot: slot, kind: kind, image: images[kind], state: images[kind].initial))
        } catch PoolError.exhausted {
            #expect(live.count == Self.slots || isFailing, context("exhausted with \(live.count) live"))
            return
        } catch {
            try refuse(error)
            return
        }
        verify(live.count - 1, pages: samplePages(of: live.count - 1))
    }

    private mutating func release() throws {
        guard let index = live.indices.randomElement(using: &random) else { return }
        if Int.random(in: 0..<8, using: &random) == 0 { verify(index, pages: live[index].touched) }
        let instance = live.remove(at: index)
        pool.release(instance.slot, after: instance.use)
        // Slow, so not every time; `acquire` looks at what comes next.
        let isUnsearched = pool.records[Int(instance.slot.index)].isUnsearched
        // A slot that nobody has run in since it was mapped may have pages that are not known yet, and says so.
        if Int.random(in: 0..<(isLocked ? 4 : 200), using: &random) == 0, !isUnsearched {
            let residue = pool.residue(in: instance.slot)
            #expect(residue == nil, context(residue ?? ""))
        }
    }

    private mutating func pick(where isSuitable: (ModelInstance) -> Bool = { _ in true }) -> Int? {
        guard let index = live.indices.randomElement(using: &random), isSuitable(live[index]) else { return nil }
        return index
    }

    /// Instances mostly write to the same few places, as programs do, and sometimes anywhere.
    private mutating func place(in index: Int) -> Int {
        let bytes = live[index].state.memoryBytes
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return Int.random(in: 0..<bytes, using: &random)
        case 1: return bytes - 1
        case 2: return min(bytes - 1, live[index].image.initial.memoryBytes)
        default:
            let page = Int.random(in: 0..<5, using: &random) * 3 % (bytes / 4096)
            return page * 4096 + Int.random(in: 0..<64, using: &random)
        }
    }

    private mutating func write() {
        guard let index = pick(where: { $0.state.memoryBytes > 0 }) else { return }
        live[index].use.note()
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let offset = place(in: index)
            let value = UInt8.random(in: 0...255, using: &random)
            live[index].slot.setByte(offset, value)
            live[index].state.set(offset, value)
            live[index].touched.insert(offset / 4096)
        }
    }

    private mutating func writeByKernel() {
        guard step % 4 == 0, let index = pick(where: { $0.state.memoryBytes > 0 }) else { return }
        let offset = place(in: index)
        let value = UInt8.random(in: 0...255, using: &random)
        live[index].use.note()
        #expect(isWritable(live[index].slot.memoryBase + offset, value: value), context("kernel write"))
        live[index].state.set(offset, value)
        live[index].touched.insert(offset / 4096)
    }

    private mutating func grow() {
        guard let index = pick(where: { $0.image.image.layout.memoryCount > 0 }) else { return }
        let pages = [0, 1, 1, 2, 5, 1000].randomElement(using: &random)!
        let former = live[index].state.memoryBytes
        let mayGrow = former + pages * wasmPage <= min(live[index].state.maximumBytes, mostMemory)
        let result = pool.grow(live[index].slot, by: UInt64(pages))
        if isFailing, result == nil { return }
        #expect(result == (mayGrow ? UInt64(former / wasmPage) : nil), context("growing by \(pages)"))
        guard mayGrow else { return }
        live[index].state.memoryBytes += pages * wasmPage
        #expect(live[index].slot.memoryLength == live[index].state.memoryBytes, context("length"))
        if pages > 0 {
            for offset in [former, former + pages * wasmPage - 1] {
                #expect(live[index].slot.byte(offset) == 0, context("new memory at \(offset)"))
                live[index].touched.insert(offset / 4096)
            }
        }
    }

    private mutating func growTable() {
        guard let index = pick(where: { !$0.state.tables.isEmpty }) else { return }
        let length = live[index].state.tables[0].count
        let count = Int.random(in: 0...9, using: &random)
        let value = random.next()
        let mayGrow = length + count <= live[index].image.tableMaximum
        live[index].use.note()
        let result = pool.growTable(live[index].slot, table: 0, by: UInt64(count), fill: value)
        #expect(result == (mayGrow ? UInt64(length) : nil), context("growing a table by \(count)"))
        if mayGrow { live[index].state.tables[0] += [UInt64](repeating: value, count: count) }
    }

    private mutating func writeTable() {
        guard let index = pick(where: { !$0.state.tables.isEmpty }) else { return }
        let instance = live[index]
        let table = instance.image.mutableTables.randomElement(using: &random)!
        let element = Int.random(in: 0..<instance.state.tables[table].count, using: &random)
        let value = random.next()
        live[index].use.note()
        instance.slot.table(table, of: instance.image.image)[element] = value
        live[index].state.tables[table][element] = value
    }

    private mutating func writeGlobal() {
        guard let index = pick() else { return }
        let cell = Int.random(in: 0..<8, using: &random)
        let value = random.next()
        live[index].use.note()
        let layout = live[index].image.image.layout
        live[index].slot.context.storeBytes(of: value, toByteOffset: layout.mutableStart + cell * 8, as: UInt64.self)
        live[index].state.globals[cell] = value
    }

    private mutating func verifyRandomInstance() {
        guard let index = pick() else { return }
        verify(index, pages: live[index].touched)
    }

    // MARK: Comparing

    /// Pages worth looking at in a fresh instance: those that others write to, those with data, some at random.
    private mutating func samplePages(of index: Int) -> Set<Int> {
        let bytes = live[index].state.memoryBytes
        guard bytes > 0 else { return [] }
        var pages: Set<Int> = [0, 3, 6, 9, 12, (bytes - 1) / 4096]
        for _ in 0..<4 { pages.insert(Int.random(in: 0..<bytes, using: &random) / 4096) }
        if let page = live[index].state.pages.keys.randomElement(using: &random) { pages.insert(page) }
        return pages.filter { $0 * 4096 < bytes }
    }

    private func verify(_ index: Int, pages: Set<Int>) {
        let instance = live[index]
        #expect(instance.slot.memoryLength == instance.state.memoryBytes, context("memory length"))
        for page in pages where page * 4096 < instance.state.memoryBytes {
            let isEqual = memcmp(instance.slot.memoryBase + page * 4096, instance.state.page(page), 4096) == 0
            #expect(isEqual, context("page \(page) of image \(instance.kind)"))
        }
        for (number, table) in instance.state.tables.enumerated() {
            let found = Array(instance.slot.table(number, of: instance.image.image))
            #expect(found == table, context("table \(number)"))
        }
        let layout = instance.image.image.layout
        for (cell, value) in instance.state.globals.enumerated() {
            #expect(instance.slot.contextWord(layout.mutableStart + cell * 8) == value, context("global \(cell)"))
        }
    }
}
