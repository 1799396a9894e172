//! Listings of directories that change while they are listed.

import Foundation
import Testing

@testable import MayflyWASI

@Suite("WASI: listing a directory that changes")
struct WASIListingTests {
    private static let names = (0..<300).map { "entry-\($0)" }
    let directory: TestDirectory

    init() throws {
        directory = try TestDirectory()
        for name in Self.names { try directory.write("", to: name) }
    }

    @Test("entries neither created nor removed are seen exactly once, whatever is removed before them")
    func removal() throws {
        let guest = try directory.guest()
        var seen: [String] = []
        var removed: Set<String> = []
        var cookie: UInt64 = 0
        while let (entries, next) = guest.list(cookie: cookie, size: 400) {
            seen += entries.map(\.name)
            // As `rm -r` does: what was listed is gone before listing goes on.
            for entry in entries.prefix(3) where entry.type == FileType.regularFile.rawValue {
                #expect(guest.onPath("path_unlink_file", entry.name) == .success)
                removed.insert(entry.name)
            }
            cookie = next
        }
        #expect(removed.count > 50)
        #expect(seen.count == Set(seen).count)
        #expect(Set(seen) == Set(Self.names + [".", ".."]))
    }

    @Test("a cookie leads to the same entry after others were removed and made")
    func goingBack() throws {
        let guest = try directory.guest()
        let (first, next) = try #require(guest.list(cookie: 0, size: 1000))
        let (second, _) = try #require(guest.list(cookie: next, size: 1000))
        for entry in first where entry.type == FileType.regularFile.rawValue {
            #expect(guest.onPath("path_unlink_file", entry.name) == .success)
        }
        for index in 0..<50 { #expect(guest.open("new-\(index)", .create).0 == .success) }
        #expect(guest.list(cookie: next, size: 1000)?.entries.map(\.name) == second.map(\.name))
        // Begun anew it is the directory as it is now.
        let (now, _) = try #require(guest.list(cookie: 0, size: 30_000))
        #expect(now.count == 302 + 50 - first.filter { $0.type == FileType.regularFile.rawValue }.count)
    }

    @Test("cookies count from the listing's begin, however often and through however many descriptors it is listed")
    func independent() throws {
        let guest = try directory.guest()
        let (_, other) = guest.open(".", .directory, rights: Rights.directory.rawValue)
        let (here, next) = try #require(guest.list(cookie: 0, size: 500))
        let (there, otherNext) = try #require(guest.list(other, cookie: 0, size: 500))
        #expect(here.map(\.name) == there.map(\.name) && next == otherNext)
        #expect(here.map(\.next) == (1...UInt64(here.count)).map { $0 })
        #expect(
            guest.list(cookie: next, size: 500)?.entries.map(\.name)
                == guest.list(other, cookie: next, size: 500)?.entries.map(\.name))
    }

    @Test("what a context keeps of listings is bounded, and listings beyond the bound are still complete")
    func bounded() throws {
        // More than is kept of one listing: 30,000 names of 60 bytes with 24 bytes of header each.
        let large = try TestDirectory()
        let count = 30_000
        let stem = String(repeating: "x", count: 54)
        for index in 0..<count { close(creat(large.path("\(stem)\(index)"), 0o600)) }
        let guest = try large.guest()
        var seen: Set<String> = []
        var cookie: UInt64 = 0
        while let (entries, next) = guest.list(cookie: cookie, size: 30_000) {
            seen.formUnion(entries.map(\.name))
            cookie = next
            #expect(guest.wasi.listingBudget.byteCount <= 1 << 20 + 1 << 18)
        }
        #expect(seen.count == count + 2)
        // Going back to what was forgotten reads the directory anew.
        #expect(guest.list(cookie: 10, size: 30_000)?.entries.first?.next == 11)
        // Many at once make do with less each.
        var descriptors: [UInt64] = []
        for _ in 0..<40 {
            let (error, descriptor) = guest.open(".", .directory, rights: Rights.directory.rawValue)
            #expect(error == .success)
            descriptors.append(descriptor)
            var cookie: UInt64 = 0
            while let (_, next) = guest.list(descriptor, cookie: cookie, size: 30_000) { cookie = next }
        }
        #expect(guest.wasi.listingBudget.byteCount < 24 << 20)
        for descriptor in descriptors { #expect(guest.call("fd_close", descriptor) == .success) }
        #expect(guest.wasi.listingBudget.byteCount <= 1 << 20 + 1 << 18)
    }
}
