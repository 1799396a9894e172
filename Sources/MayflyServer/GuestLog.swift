//! What a guest may write to the host's log, and how much of it.
//!
//! The guest is hostile: it chooses level, bytes and number of its lines. Invariants: each of its messages is one line
//! of bounded length; all of them together cost at most the instance's budget, empty ones included; none is louder than
//! the host allows; whatever its bytes are, what is logged is valid text.

public import Logging

/// The log of one guest: a logger of the host, with bounds for what the guest can do with it.
///
/// Part of the state of an instance, where `Imports.defineLog(as:_:)` finds it:
///
/// ```swift
/// struct Request { var log: GuestLog }
/// var imports = Imports<Request>()
/// imports.defineLog(\.log)
/// ```
///
/// Line breaks and other characters that control a display stand as escape sequences in the message (`\n`, `\u{1B}`),
/// bytes that are not UTF-8 as U+FFFD. When the budget is used up one last line says so, and the rest is dropped and
/// counted.
public struct GuestLog: Sendable {
    /// What a guest may put into the log.
    public struct Limits: Sendable, Hashable {
        /// Bytes of one message, escape sequences included, at most 1 MiB. What is longer is cut off, and ends with
        /// `…`.
        public var messageBytes: Int
        /// Bytes of all messages of an instance, each of which counts ``GuestLog/messageCost`` besides.
        public var totalBytes: Int
        /// The loudest level a guest can reach: what it wants to be louder is logged at this one.
        public var loudestLevel: Logger.Level

        /// By default messages of 1 KiB, 64 KiB in all, and no louder than `warning`.
        public init(
            messageBytes: Int = 1 << 10, totalBytes: Int = 64 << 10, loudestLevel: Logger.Level = .warning
        ) {
            self.messageBytes = messageBytes
            self.totalBytes = totalBytes
            self.loudestLevel = loudestLevel
        }
    }

    /// What each message counts for besides its bytes: about what a time stamp and a label take. Bytes.
    public static let messageCost = 64

    /// Where messages go. The request's metadata belongs in it.
    public var logger: Logger
    /// What the guest may put there.
    public let limits: Limits
    /// Bytes of the budget that are left.
    public private(set) var remainingBytes: Int
    /// Messages that were dropped because the budget was used up.
    public private(set) var droppedMessages = 0

    /// A log with its whole budget. Make one for each instance.
    public init(_ logger: Logger, limits: Limits = Limits()) {
        self.logger = logger
        self.limits = limits
        remainingBytes = max(0, limits.totalBytes)
    }

    /// Logs one message of the guest.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8, or what the guest takes for it.
    ///   - level: how loud the guest wants to be.
    public mutating func write(_ bytes: [UInt8], at level: Logger.Level) {
        write(bytes[...], at: level, isWhole: true)
    }

    /// Logs each line of what a guest wrote to a stream, such as the standard error that its WASI context has captured.
    /// Empty lines are left out.
    ///
    /// ```swift
    /// instance.state.log.write(linesOf: instance.state.wasi.takeStandardError(), at: .info)
    /// ```
    ///
    /// - Parameters:
    ///   - output: lines, ended by `\n`; the last one need not be.
    ///   - level: for all of them.
    public mutating func write(linesOf output: [UInt8], at level: Logger.Level) {
        guard isEnabled(level) else { return }
        for line in output.split(separator: 0x0A) { write(line, at: level, isWhole: true) }
    }

    /// Whether a message of the guest at this level would be logged, if the budget has room for it.
    func isEnabled(_ level: Logger.Level) -> Bool { logger.logLevel <= min(level, limits.loudestLevel) }

    /// Bytes of a guest's that are enough for the longest message: no byte becomes less than one.
    var sufficientBytes: Int { messageLimit + 1 }

    private var messageLimit: Int { min(max(0, limits.messageBytes), 1 << 20) }

    /// - Parameter isWhole: whether the guest had nothing more to say than `bytes`.
    mutating func write(_ bytes: ArraySlice<UInt8>, at level: Logger.Level, isWhole: Bool) {
        guard isEnabled(level) else { return }
        guard remainingBytes > 0 else {
            droppedMessages += 1
            return
        }
        var text = String(decoding: bytes.prefix(sufficientBytes), as: UTF8.self)
        if !isWhole { text += "…" }
        let line = String(onOneLine: text, limit: messageLimit)
        let cost = line.utf8.count + Self.messageCost
        let level = min(level, limits.loudestLevel)
        guard cost <= remainingBytes else {
            remainingBytes = 0
            droppedMessages += 1
            logger.log(
                level: level, "the guest has used up its \(limits.totalBytes) bytes of log: the rest is dropped",
                source: Self.source)
            return
        }
        remainingBytes -= cost
        logger.log(level: level, "\(line)", source: Self.source)
    }

    /// What log handlers show as the source of a message: no module of the host.
    private static let source = "guest"
}
