//! Scripts (`.wast`): the commands of the specification's test suite.

/// A script: modules, calls of their exports, and what is said about both.
public struct Script: Sendable {
    /// One command and where it stands.
    public struct Command: Sendable {
        /// Of its opening parenthesis, from 1.
        public var line: Int
        /// What it does.
        public var kind: Kind
    }

    /// What a command does.
    public enum Kind: Sendable {
        /// A module to be instantiated, which is the current one from there on.
        case module(name: String?, ModuleSource)
        /// A module to be instantiated later, by name.
        case definition(name: String?, ModuleSource)
        /// An instance of a definition, the last one if it has no name.
        case instance(name: String?, definition: String?)
        /// The exports of an instance, the current one if it has no name, can be imported from under `name`.
        case register(name: [UInt8], instance: String?)
        /// Something is done, and what comes of it ignored.
        case action(Action)
        /// The call returns, and its results are as expected.
        case assertReturn(Action, [Expectation])
        /// The call traps.
        case assertTrap(Action, message: String)
        /// Instantiation traps.
        case assertUninstantiable(ModuleSource, message: String)
        /// The call stack is exhausted.
        case assertExhaustion(Action, message: String)
        /// The call ends with an exception that nobody catches.
        case assertException(Action)
        /// The module can be decoded but is not valid.
        case assertInvalid(ModuleSource, message: String)
        /// The module cannot be decoded, or its text not be read.
        case assertMalformed(ModuleSource, message: String)
        /// A custom section is malformed or invalid, which need not keep the module from being used.
        case assertCustomSection(ModuleSource, message: String)
        /// What the module imports is not there, or of another type.
        case assertUnlinkable(ModuleSource, message: String)
    }

    /// Something done with an export of an instance.
    public struct Action: Sendable {
        /// What is done.
        public enum Kind: Sendable, Equatable {
            /// A function is called with these arguments.
            case invoke([Literal])
            /// A global is read.
            case get
        }

        /// The instance; the current one if it has no name.
        public var instance: String?
        /// Of the export, UTF-8.
        public var name: [UInt8]
        /// What is done with it.
        public var kind: Kind
    }

    /// A value as an argument or result. Floats by their bits.
    public enum Literal: Sendable, Equatable {
        /// An i32.
        case i32(UInt32)
        /// An i64.
        case i64(UInt64)
        /// The bits of an f32.
        case f32(UInt32)
        /// The bits of an f64.
        case f64(UInt64)
        /// Byte 0 first.
        case v128([UInt8])
        /// A null reference of a heap type, as the text has it.
        case null(String)
        /// A reference to the host's object of that number: external, or converted to an internal one.
        case external(UInt32)
        /// The same object as an internal reference.
        case host(UInt32)
    }

    /// Which NaNs a result may be.
    public enum NaN: Sendable, Equatable {
        /// Only the fraction's highest bit is set.
        case canonical
        /// The fraction's highest bit is set.
        case arithmetic
    }

    /// What a result is to be.
    public indirect enum Expectation: Sendable, Equatable {
        /// Exactly this value.
        case value(Literal)
        /// A NaN of type f32.
        case f32(NaN)
        /// A NaN of type f64.
        case f64(NaN)
        /// Four lanes of floats, each its bits or a NaN.
        case lanes32([Lane])
        /// Two lanes of doubles, each its bits or a NaN.
        case lanes64([Lane])
        /// Any reference of a heap type, as the text has it. `null` is any null reference.
        case reference(String)
        /// Any one of these.
        case either([Expectation])

        /// What a lane is to be.
        public enum Lane: Sendable, Equatable {
            /// Exactly these bits.
            case bits(UInt64)
            /// A NaN.
            case nan(NaN)
        }
    }

    /// The commands in their order.
    public private(set) var commands: [Command] = []

    /// Reads a script. Modules in it are taken apart into tokens and looked into no further: `ModuleSource.encode`
    /// does.
    ///
    /// - Throws: ``TextError``.
    public init(parsing source: [UInt8], fileName: String? = nil) throws(TextError) {
        let text = try LexedText(source, fileName: fileName)
        var cursor = TokenCursor(text)
        // Only a module's fields.
        if ["func", "type", "import", "table", "memory", "global", "export", "start", "elem", "data", "tag", "rec"]
            .contains(where: { cursor.isForm(word: $0) })
        {
            commands = [
                Command(line: 1, kind: .module(name: nil, .fields(text, 0..<text.tokens.count - 1, name: nil)))
            ]
            return
        }
        var lines = LineCounter(source)
        while cursor.token.kind != .end {
            let line = lines.line(at: Int(cursor.token.start))
            guard cursor.token.kind == .leftParenthesis else { throw cursor.unexpected("a command") }
            commands.append(Command(line: line, kind: try Self.command(&cursor)))
        }
    }

    // MARK: Commands

    private static func command(_ cursor: inout TokenCursor) throws(TextError) -> Kind {
        if cursor.isForm("module") { return try moduleCommand(&cursor) }
        if cursor.isForm("invoke") || cursor.isForm("get") { return .action(try action(&cursor)) }
        cursor.position += 1
        let keyword = cursor.token
        guard keyword.kind == .keyword else { throw cursor.unexpected("a command") }
        cursor.position += 1
        let kind: Kind
        switch String(decoding: cursor.bytes(keyword), as: UTF8.self) {
        case "register": kind = .register(name: try cursor.name(), instance: try instanceName(&cursor))
        case "assert_return":
            let action = try action(&cursor)
            var expectations: [Expectation] = []
            while cursor.token.kind == .leftParenthesis { expectations.append(try expectation(&cursor)) }
            kind = .assertReturn(action, expectations)
        case "assert_trap":
            if cursor.isForm("module") {
                kind = .assertUninstantiable(try ModuleSource(&cursor), message: try message(&cursor))
            } else {
                kind = .assertTrap(try action(&cursor), message: try message(&cursor))
            }
        case "assert_exhaustion": kind = .assertExhaustion(try action(&cursor), message: try message(&cursor))
        case "assert_exception": kind = .assertException(try action(&cursor))
        case "assert_invalid": kind = .assertInvalid(try module(&cursor), message: try message(&cursor))
        case "assert_malformed": kind = .assertMalformed(try module(&cursor), message: try message(&cursor))
        case "assert_unlinkable": kind = .assertUnlinkable(try module(&cursor), message: try message(&cursor))
        case "assert_malformed_custom", "assert_invalid_custom":
            kind = .assertCustomSection(try module(&cursor), message: try message(&cursor))
        default:
            cursor.position -= 1
            throw cursor.unexpected("a command")
        }
        try cursor.close()
        return kind
    }

    private static func moduleCommand(_ cursor: inout TokenCursor) throws(TextError) -> Kind {
        let end = Int(cursor.token.partner)
        cursor.position += 2
        if cursor.take(word: "instance") {
            let name = try instanceName(&cursor)
            let definition = try instanceName(&cursor)
            try cursor.close()
            return .instance(name: name, definition: definition)
        }
        let isDefinition = cursor.take(word: "definition")
        let name = try cursor.identifier()
        let source = try ModuleSource(&cursor, name: name, end: end)
        let text = name.map { String(decoding: $0, as: UTF8.self) }
        return isDefinition ? .definition(name: text, source) : .module(name: text, source)
    }

    private static func module(_ cursor: inout TokenCursor) throws(TextError) -> ModuleSource {
        guard cursor.isForm("module") else { throw cursor.unexpected("(module …)") }
        return try ModuleSource(&cursor)
    }

    private static func instanceName(_ cursor: inout TokenCursor) throws(TextError) -> String? {
        try cursor.identifier().map { String(decoding: $0, as: UTF8.self) }
    }

    private static func message(_ cursor: inout TokenCursor) throws(TextError) -> String {
        String(decoding: try cursor.string(), as: UTF8.self)
    }

    private static func action(_ cursor: inout TokenCursor) throws(TextError) -> Action {
        let isCall = cursor.isForm("invoke")
        guard isCall || cursor.isForm("get") else { throw cursor.unexpected("(invoke …) or (get …)") }
        cursor.position += 2
        let instance = try instanceName(&cursor)
        let name = try cursor.name()
        var arguments: [Literal] = []
        while isCall, cursor.token.kind == .leftParenthesis { arguments.append(try literal(&cursor)) }
        try cursor.close()
        return Action(instance: instance, name: name, kind: isCall ? .invoke(arguments) : .get)
    }

    // MARK: Values

    private static func literal(_ cursor: inout TokenCursor) throws(TextError) -> Literal {
        switch try expectation(&cursor) {
        case .value(let literal): return literal
        default:
            cursor.position -= 1
            throw cursor.error("a pattern where a value has to be")
        }
    }

    private static func expectation(_ cursor: inout TokenCursor) throws(TextError) -> Expectation {
        try cursor.open()
        let keyword = cursor.token
        guard keyword.kind == .keyword else { throw cursor.unexpected("a value") }
        cursor.position += 1
        let result: Expectation
        switch String(decoding: cursor.bytes(keyword), as: UTF8.self) {
        case "i32.const": result = .value(.i32(UInt32(try cursor.integer(32))))
        case "i64.const": result = .value(.i64(try cursor.integer(64)))
        case "f32.const":
            switch try lane(&cursor, isDouble: false) {
            case .bits(let bits): result = .value(.f32(UInt32(bits)))
            case .nan(let nan): result = .f32(nan)
            }
        case "f64.const":
            switch try lane(&cursor, isDouble: true) {
            case .bits(let bits): result = .value(.f64(bits))
            case .nan(let nan): result = .f64(nan)
            }
        case "v128.const": result = try vector(&cursor)
        case "ref.null":
            if cursor.token.kind == .keyword {
                result = .value(.null(cursor.shown(cursor.token)))
                cursor.position += 1
            } else {
                result = .reference("null")
            }
        case "ref.extern": result = try reference("extern", &cursor) { .external($0) }
        case "ref.host": result = try reference("any", &cursor) { .host($0) }
        case "ref.func", "ref.any", "ref.eq", "ref.i31", "ref.struct", "ref.array", "ref.exn":
            // An index says nothing here.
            if cursor.token.kind == .number || cursor.token.kind == .identifier { cursor.position += 1 }
            result = .reference(String(decoding: cursor.bytes(keyword).dropFirst(4), as: UTF8.self))
        case "either":
            var choices: [Expectation] = []
            while cursor.token.kind == .leftParenthesis { choices.append(try expectation(&cursor)) }
            result = .either(choices)
        default:
            cursor.position -= 1
            throw cursor.unexpected("a value")
        }
        try cursor.close()
        return result
    }

    private static func reference(
        _ kind: String, _ cursor: inout TokenCursor, _ make: (UInt32) -> Literal
    ) throws(TextError) -> Expectation {
        guard cursor.token.kind == .number else { return .reference(kind) }
        return .value(make(UInt32(try cursor.natural(32))))
    }

    private static func lane(_ cursor: inout TokenCursor, isDouble: Bool) throws(TextError) -> Expectation.Lane {
        if cursor.take(word: "nan:canonical") { return .nan(.canonical) }
        if cursor.take(word: "nan:arithmetic") { return .nan(.arithmetic) }
        return .bits(try cursor.float(isDouble: isDouble))
    }

    private static func vector(_ cursor: inout TokenCursor) throws(TextError) -> Expectation {
        let isDouble = cursor.isWord("f64x2")
        guard isDouble || cursor.isWord("f32x4") else {
            guard let bytes = try cursor.vectorLanes() else { throw cursor.unexpected("the shape of a vector") }
            return .value(.v128(bytes))
        }
        cursor.position += 1
        var lanes: [Expectation.Lane] = []
        for _ in 0..<(isDouble ? 2 : 4) { lanes.append(try lane(&cursor, isDouble: isDouble)) }
        var writer = ByteWriter()
        for lane in lanes {
            guard case .bits(let bits) = lane else { return isDouble ? .lanes64(lanes) : .lanes32(lanes) }
            writer.littleEndian(bits, bytes: isDouble ? 8 : 4)
        }
        return .value(.v128(writer.bytes))
    }
}

extension TokenCursor {
    fileprivate func isForm(word: String) -> Bool {
        token.kind == .leftParenthesis && following.kind == .keyword && bytes(following).elementsEqual(word.utf8)
    }
}

/// Counts the lines of a text up to places that come in order.
private struct LineCounter {
    let source: [UInt8]
    var position = 0
    var line = 1

    init(_ source: [UInt8]) { self.source = source }

    mutating func line(at offset: Int) -> Int {
        while position < offset {
            if source[position] == 0x0A { line += 1 }
            position += 1
        }
        return line
    }
}
