//! Images that are alike exist once: templates of one module, made with other imports for each tenant, share a file and its
//! pages.
//!
//! Found by a hash of some of the bytes, and taken only after all of them have been compared.

internal import Glibc

final class MemoryImageRegistry: @unchecked Sendable {
    // Unchecked because of what `lock` guards.
    static let shared = MemoryImageRegistry()

    private struct Entry {
        /// Of the image. Under the lock the reference must not be followed: if it became the last one, the image would end
        /// there, and its end takes the lock.
        var identity: ObjectIdentifier
        weak var image: MemoryImage?
        var segments: [InstanceImage.Segment]
        var placement: DataPlacement
    }

    private let lock = Lock()
    private var entries: [Int: [Entry]] = [:]

    /// The image of these segments, made unless there is one.
    func image(
        of segments: [InstanceImage.Segment], _ placement: DataPlacement
    ) throws(PoolError) -> MemoryImage {
        let key = Self.key(segments)
        if let found = find(key, segments, placement) { return found }
        // Without the lock: others need not wait for a large file. Two threads may make the same image; both are right.
        let image = try MemoryImage(segments, placement)
        image.registryKey = key
        let entry = Entry(
            identity: ObjectIdentifier(image), image: image, segments: segments, placement: placement)
        lock.withLock { entries[key, default: []].append(entry) }
        return image
    }

    private func find(_ key: Int, _ segments: [InstanceImage.Segment], _ placement: DataPlacement) -> MemoryImage? {
        // A few only: the key is made of some of the bytes, and whoever makes modules could make many that share it.
        let candidates = lock.withLock { (entries[key] ?? []).suffix(4) }
        for entry in candidates where entry.placement == placement {
            if let image = entry.image, Self.areEqual(entry.segments, segments) { return image }
        }
        return nil
    }

    /// An image is about to be gone, and with it what its entry holds on to.
    func forget(_ key: Int, _ image: ObjectIdentifier) {
        lock.withLock {
            entries[key]?.removeAll { $0.identity == image }
            if entries[key]?.isEmpty == true { entries[key] = nil }
        }
    }

    private static func key(_ segments: [InstanceImage.Segment]) -> Int {
        var hasher = Hasher()
        hasher.combine(segments.count)
        for segment in segments.prefix(64) {
            hasher.combine(segment.offset)
            hasher.combine(segment.bytes.count)
            segment.bytes.withUnsafeBytes { bytes in
                hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(64)))
                hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes.suffix(64)))
            }
        }
        return hasher.finalize()
    }

    private static func areEqual(_ one: [InstanceImage.Segment], _ other: [InstanceImage.Segment]) -> Bool {
        guard one.count == other.count else { return false }
        for (left, right) in zip(one, other) {
            guard left.offset == right.offset, left.bytes.count == right.bytes.count else { return false }
            let isEqual = left.bytes.withUnsafeBytes { left in
                right.bytes.withUnsafeBytes { right in
                    left.baseAddress == right.baseAddress || left.isEmpty
                        || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0
                }
            }
            if !isEqual { return false }
        }
        return true
    }
}
