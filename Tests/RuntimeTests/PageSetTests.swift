//! The list of a slot's pages against a plain set, and its ages.

import Testing

@testable import Runtime

@Suite struct PageSetTests {
    private func pages(_ set: borrowing PageSet) -> [Int] { (0..<set.count).map { set[$0].page } }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func randomOperationsGiveWhatASetWouldGive(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var set = PageSet()
        var model: Set<Int> = []
        // Small numbers of pages meet often, and the last page of 4 GiB is one of them.
        let limit = seed % 2 == 0 ? 200 : 1 << 20
        for step in 0..<100 {
            let start =
                seed % 2 == 0 || Bool.random(using: &random)
                ? Int.random(in: 0..<limit, using: &random) : limit - Int.random(in: 1...50, using: &random)
            let range = start..<min(limit, start + Int.random(in: 0...40, using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                #expect(set.insert(range) == range.count { !model.contains($0) })
                model.formUnion(range)
            case 5..<8:
                #expect(set.remove(range) == range.count { model.contains($0) })
                model.subtract(range)
            case 8:
                let divisor = Int.random(in: 2...9, using: &random)
                set.filter { $0.page % divisor != 0 }
                model = model.filter { $0 % divisor != 0 }
                set.shrink()
            default:
                if step % 50 == 0 {
                    set.removeAll()
                    set.shrink()
                    model = []
                } else {
                    let page = (model.max() ?? -1) + 1
                    if page < limit {
                        set.append(page)
                        model.insert(page)
                    }
                }
            }
            #expect(pages(set) == model.sorted(), "seed \(seed), step \(step)")
            #expect(set.bytes == model.count * 4096)
            let probe = Int.random(in: 0..<limit, using: &random)
            #expect(set.contains(probe) == model.contains(probe))
            #expect(set.firstIndex(from: probe) == model.count { $0 < probe })
        }
    }

    @Test func neighboursFormRuns() {
        var set = PageSet()
        for range in [3..<6, 8..<9, 9..<10, 1 << 20 - 2..<1 << 20] { set.insert(range) }
        func runs(_ indices: Range<Int>) -> [Range<Int>] {
            var result: [Range<Int>] = []
            set.forEachRun(in: indices) { result.append($0) }
            return result
        }
        #expect(runs(0..<set.count) == [3..<6, 8..<10, 1 << 20 - 2..<1 << 20])
        #expect(runs(1..<4) == [4..<6, 8..<9])
        #expect(runs(2..<2) == [])
    }

    @Test func agesStayWithTheirPagesUntilTheRangeIsWrittenToAgain() {
        var set = PageSet()
        set.insert(10..<14)
        for index in 0..<set.count { set[index] = PageSet.Entry(page: set[index].page, age: UInt32(index) + 1) }
        set.insert(2..<4)
        set.remove(11..<12)
        #expect((0..<set.count).map { set[$0].age } == [0, 0, 1, 3, 4])
        set.insert(12..<20)
        #expect(set[3].page == 12 && set[3].age == 0)
        #expect(set[2].page == 10 && set[2].age == 1)
    }

    @Test func aPageAtTheEndOfFourGiBKeepsItsNumberAndAge() {
        let entry = PageSet.Entry(page: 1 << 20 - 1, age: 4095)
        #expect(entry.page == 1 << 20 - 1)
        #expect(entry.age == 4095)
        #expect(entry.offset == 4 << 30 - 4096)
    }
}
