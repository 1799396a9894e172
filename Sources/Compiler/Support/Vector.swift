//! The growable array of the compiler's passes: raw memory owned by a non-copyable value.
//!
//! `Array` costs a uniqueness check, a bounds check and, inside a class, an exclusivity check on each access; the passes
//! touch every instruction several times, so they use this instead. Elements are trivial values. Capacity is kept when a
//! vector is emptied: a worker compiles function after function in the same memory.
//! Indices are checked in debug builds only, so callers must not index with unvalidated guest data.

struct Vector<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var count: Int
    private var capacity: Int

    init(capacity: Int = 16) {
        precondition(capacity > 0)
        base = .allocate(capacity: capacity)
        count = 0
        self.capacity = capacity
    }

    deinit { base.deallocate() }

    var isEmpty: Bool { @inline(__always) get { count == 0 } }

    @inline(__always)
    subscript(index: Int) -> Element {
        get {
            assert(index >= 0 && index < count)
            return base[index]
        }
        nonmutating set {
            assert(index >= 0 && index < count)
            base[index] = newValue
        }
        nonmutating _modify {
            assert(index >= 0 && index < count)
            yield &base[index]
        }
    }

    @inline(__always)
    subscript(index: UInt32) -> Element {
        get { self[Int(index)] }
        nonmutating set { self[Int(index)] = newValue }
        nonmutating _modify {
            assert(Int(index) < count)
            yield &base[Int(index)]
        }
    }

    @inline(__always)
    var last: Element {
        get { self[count &- 1] }
        nonmutating set { self[count &- 1] = newValue }
    }

    @inline(__always)
    mutating func append(_ element: Element) {
        if count == capacity { grow(to: count &+ 1) }
        base[count] = element
        count &+= 1
    }

    @inline(__always)
    @discardableResult
    mutating func popLast() -> Element {
        assert(count > 0)
        count &-= 1
        return base[count]
    }

    /// Appends `count` copies of `element`.
    mutating func append(repeating element: Element, count extra: Int) {
        reserve(count + extra)
        (base + count).update(repeating: element, count: extra)
        count += extra
    }

    mutating func append(contentsOf elements: UnsafeBufferPointer<Element>) {
        guard let source = elements.baseAddress else { return }
        reserve(count + elements.count)
        (base + count).update(from: source, count: elements.count)
        count += elements.count
    }

    /// Empties the vector; capacity stays.
    @inline(__always)
    mutating func removeAll() { count = 0 }

    /// Drops elements from the end until `newCount` remain.
    @inline(__always)
    mutating func truncate(to newCount: Int) {
        assert(newCount >= 0 && newCount <= count)
        count = newCount
    }

    /// Makes the vector exactly `newCount` copies of `element`.
    mutating func reset(to element: Element, count newCount: Int) {
        count = 0
        append(repeating: element, count: newCount)
    }

    mutating func reserve(_ needed: Int) { if needed > capacity { grow(to: needed) } }

    var buffer: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: base, count: count) }
    var mutableBuffer: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: base, count: count) }

    @inline(never)
    private mutating func grow(to needed: Int) {
        let newCapacity = max(needed, capacity &* 2)
        let new = UnsafeMutablePointer<Element>.allocate(capacity: newCapacity)
        new.update(from: base, count: count)
        base.deallocate()
        base = new
        capacity = newCapacity
    }
}
