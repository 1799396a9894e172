//! Where the peer's library is looked for.
//!
//! In this order: the command line, the environment, a `.venv-peers` folder in the working directory or above it
//! (`python3 -m venv .venv-peers && .venv-peers/bin/pip install wasmtime==50.0.1` makes one: the wheel holds the shared
//! library). A library that was named but does not open is an error; one that is not found means only that
//! the columns about the peer stay empty.

import Glibc

enum PeerSearch {
    static let environmentVariable = "MAYFLY_PEER"

    /// The library's path, or nil where there is none.
    static func find(named: String?) -> String? {
        if let named { return named }
        if let value = getenv(environmentVariable), value.pointee != 0 { return String(cString: value) }
        var directory = currentDirectory()
        while true {
            if let path = firstMatch(
                "\(directory)/.venv-peers/lib/python3*/site-packages/wasmtime/linux-*/_libwasmtime.so")
            {
                return path
            }
            guard let slash = directory.lastIndex(of: "/") else { return nil }
            directory = String(directory[..<slash])
        }
    }

    private static func currentDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }

    private static func firstMatch(_ pattern: String) -> String? {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0, found.gl_pathc > 0, let path = found.gl_pathv[0] else { return nil }
        return String(cString: path)
    }
}
