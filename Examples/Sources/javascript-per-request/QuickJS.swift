//! Where QuickJS is, and what to say where it is not.

import Foundation

let noQuickJS = """
    There is no QuickJS to run: give the path of a qjs.wasm, or name a folder that has it as corpus/qjs.wasm in \
    MAYFLY_TEST_DATA. It is QuickJS compiled for WASI, with an export `init` that makes the runtime and a `_start` that \
    evaluates standard input.
    """

/// The path given, or that in the test data; nil if there is no file.
func findQuickJS() -> String? {
    let path: String
    if let argument = CommandLine.arguments.dropFirst().first {
        path = argument
    } else if let data = ProcessInfo.processInfo.environment["MAYFLY_TEST_DATA"] {
        path = "\(data)/corpus/qjs.wasm"
    } else {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
        path = "\(root)/../shared/corpus/qjs.wasm"
    }
    return FileManager.default.isReadableFile(atPath: path) ? path : nil
}

func exit(afterSaying text: String, code: Int32) -> Never {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
    exit(code)
}
