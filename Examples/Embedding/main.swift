//! A server in miniature: every request gets a guest of its own, stamped from one template and thrown away after.
//!
//! Host functions are defined once, for all instances; what belongs to one request travels as the instance's state.
//! The guest is `Examples/handler.wasm` (its text beside it). Run it with `swift run -c release embedding`. The README and
//! the documentation catalogue show parts of this file; a test sees to it that they are the same.

import Mayfly

let examples = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")

/// What the host keeps with one instance.
struct Request {
    let path: String
    var response: [UInt8] = []
}

var imports = Imports<Request>()
imports.define("host", "path_size") { caller in
    UInt32(caller.state.path.utf8.count)
}
// The guest names addresses, and may name any: writing and reading check them, and end the guest if they are not its own.
imports.define("host", "read_path") { (caller, address: UInt32) in
    try caller.writeBytes(Array(caller.state.path.utf8), at: address)
}
imports.define("host", "respond") { (caller, address: UInt32, size: UInt32) in
    caller.state.response = try caller.readBytes(at: address, count: Int(size))
}

let engine = try Engine()
let module = try engine.compile(contentsOf: "\(examples)/handler.wasm")
let template = try module.template(imports: imports)
let handle = try template.function("handle", as: (() -> Int32).self)

for path in ["/index", "/about", "/a/path/too/long/for/this/guest/to/survive", "/still-alive"] {
    do {
        try template.withInstance(state: Request(path: path)) { instance in
            let status = try instance.call(handle)
            print(status, String(decoding: instance.state.response, as: UTF8.self))
        }
    } catch let trap as Trap {
        print(500, "\(path): \(trap)")
    }
}
