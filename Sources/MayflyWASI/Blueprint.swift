//! What all contexts of one configuration have in common, made once and shared.
//!
//! A context is made for every request; with a blueprint that costs a reference, and arguments and environment, which
//! guests ask for as bytes, are bytes already.

internal import CPlatform
internal import Synchronization

extension WASI {
    final class Blueprint: Sendable {
        let arguments: StringBlock
        let environment: StringBlock
        let standardInput: Input
        let standardOutput: Output
        let standardError: Output
        let preopens: [Preopen]
        let sockets: [Int32]
        let clocks: Clocks
        let randomness: Randomness
        let maximumDescriptorCount: Int
        let maximumOutputByteCount: Int
        let pathResolution: PathResolution

        init(_ configuration: Configuration) {
            arguments = StringBlock(configuration.arguments)
            environment = StringBlock(
                configuration.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
            standardInput = configuration.standardInput
            standardOutput = configuration.standardOutput
            standardError = configuration.standardError
            preopens = configuration.preopens
            sockets = configuration.sockets
            clocks = configuration.clocks
            randomness = configuration.randomness
            maximumDescriptorCount = configuration.maximumDescriptorCount
            maximumOutputByteCount = max(configuration.maximumOutputByteCount, 0)
            pathResolution = configuration.pathResolution
        }
    }

    /// The place of a configuration's blueprints, which are made when they are first asked for.
    ///
    /// There are several alike, shared by few threads each: every context counts as a reference to its blueprint, and
    /// threads that count in one place wait for each other.
    ///
    /// Copies of a configuration share them; one that is changed takes a new place. It holds nothing of the
    /// configuration, which holds it.
    final class BlueprintCache: Sendable {
        /// The addresses of blueprints, which are owned; 0 where there is none yet. (`AtomicLazyReference` takes as
        /// long as all else that a context costs, for it is not specialized.)
        private let addresses = InlineArray<16, Atomic<UInt>> { _ in Atomic(0) }

        deinit {
            for index in addresses.indices {
                if let pointer = UnsafeRawPointer(bitPattern: addresses[index].load(ordering: .relaxed)) {
                    Unmanaged<Blueprint>.fromOpaque(pointer).release()
                }
            }
        }

        func blueprint(of configuration: borrowing Configuration) -> Blueprint {
            let index = Int(mayfly_thread_self()!.pointee.ordinal) % addresses.count
            let pointer = UnsafeRawPointer(bitPattern: addresses[index].load(ordering: .acquiring))
            return pointer.map { Unmanaged.fromOpaque($0).takeUnretainedValue() } ?? make(index, configuration)
        }

        /// Makes a blueprint, or takes the one that another thread has made meanwhile.
        @inline(never)
        private func make(_ index: Int, _ configuration: borrowing Configuration) -> Blueprint {
            let made = Blueprint(copy configuration)
            let own = Unmanaged.passRetained(made)
            let result = addresses[index].compareExchange(
                expected: 0, desired: UInt(bitPattern: own.toOpaque()), ordering: .acquiringAndReleasing)
            guard !result.exchanged, let first = UnsafeRawPointer(bitPattern: result.original) else { return made }
            own.release()
            return Unmanaged.fromOpaque(first).takeUnretainedValue()
        }
    }
}

/// Strings as `args_get` and `environ_get` hand them out: each up to its first NUL, and a NUL after it.
struct StringBlock: Sendable {
    let bytes: [UInt8]
    /// Where in the bytes each begins.
    let offsets: [Int]

    init(_ strings: [String]) {
        var bytes: [UInt8] = []
        var offsets: [Int] = []
        for string in strings {
            offsets.append(bytes.count)
            bytes += string.utf8.prefix { $0 != 0 }
            bytes.append(0)
        }
        self.bytes = bytes
        self.offsets = offsets
    }
}
