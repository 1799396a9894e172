//! What all contexts of one configuration have in common, made once and shared.
//!
//! A context is made for every request; with a blueprint that costs a reference, and arguments and environment, which
//! guests ask for as bytes, are bytes already.

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

    /// The place of a configuration's blueprint, which is made when it is first asked for.
    ///
    /// Copies of a configuration share it; one that is changed takes a new one. It holds nothing of the configuration,
    /// which holds it.
    final class BlueprintCache: Sendable {
        /// The address of a blueprint, which is owned; 0 before there is one. (The library's `AtomicLazyReference` takes as
        /// long as all else that a context costs, for it is not specialized.)
        private let address = Atomic<UInt>(0)

        deinit {
            if let pointer = UnsafeRawPointer(bitPattern: address.load(ordering: .relaxed)) {
                Unmanaged<Blueprint>.fromOpaque(pointer).release()
            }
        }

        func blueprint(of configuration: borrowing Configuration) -> Blueprint {
            let pointer = UnsafeRawPointer(bitPattern: address.load(ordering: .acquiring))
            return pointer.map { Unmanaged.fromOpaque($0).takeUnretainedValue() } ?? make(configuration)
        }

        /// Makes the blueprint, or takes the one that another thread has made meanwhile.
        @inline(never)
        private func make(_ configuration: borrowing Configuration) -> Blueprint {
            let made = Blueprint(copy configuration)
            let own = Unmanaged.passRetained(made)
            let result = address.compareExchange(
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
