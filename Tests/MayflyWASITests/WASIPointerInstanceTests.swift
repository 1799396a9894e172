//! Attacks on addresses and lengths end to end: from compiled code, through the imports, in memories of all sizes.

import Foundation
import Mayfly
import TestSupport
import Testing

@testable import MayflyWASI

/// A guest that is an instance: every function imported, and exported through a forwarder.
private final class InstanceGuest: WASIGuest {
    let wasi: WASI
    private let instance: Instance<WASI>

    /// - Parameter pages: of the memory; nil for a module without one.
    static func template(pages: UInt32?, engine: Engine) throws -> Template<WASI> {
        var module = WasmBuilder()
        for function in WASIFunction.all {
            module.importFunction("wasi_snapshot_preview1", function.name, function.parameters, [.i32])
        }
        let exit = module.importFunction("wasi_snapshot_preview1", "proc_exit", [.i32], [])
        for (index, function) in WASIFunction.all.enumerated() {
            module.function(function.name, function.parameters, [.i32]) { body in
                for parameter in function.parameters.indices { body.localGet(UInt32(parameter)) }
                body.call(UInt32(index))
            }
        }
        module.function("proc_exit", [.i32], []) { $0.localGet(0).call(exit) }
        if let pages { module.memory(pages, export: "memory") }
        var imports = Imports<WASI>()
        imports.defineWASI()
        return try engine.compile(module.build()).template(imports: imports)
    }

    init(_ template: Template<WASI>, _ configuration: WASI.Configuration) throws {
        wasi = WASI(configuration)
        instance = try template.instantiate(state: wasi)
    }

    var memorySize: Int { instance.memorySize }

    func write(_ bytes: [UInt8], at address: Int) {
        do { try instance.writeBytes(bytes, at: UInt32(address)) } catch { Issue.record(error) }
    }

    func read(at address: Int, count: Int) -> [UInt8] {
        if count == 0 { return [] }
        do { return try instance.readBytes(at: UInt32(address), count: count) } catch {
            Issue.record(error)
            return []
        }
    }

    func call(_ name: String, _ arguments: [UInt64]) -> Errno {
        do {
            guard case .i32(let result)? = try results(name, arguments).first else { return .nosys }
            return Errno(rawValue: UInt16(truncatingIfNeeded: result)) ?? .nosys
        } catch {
            Issue.record(error, "\(name) \(arguments)")
            return .nosys
        }
    }

    func results(_ name: String, _ arguments: [UInt64]) throws -> [Value] {
        let types = WASIFunction.all.first { $0.name == name }?.parameters ?? [.i32]
        return try instance.call(
            name,
            arguments: zip(types, arguments).map { type, argument in
                type == .i32
                    ? .i32(Int32(truncatingIfNeeded: argument)) : .i64(Int64(bitPattern: argument))
            })
    }
}

@Suite("WASI: addresses and lengths of instances")
struct WASIPointerInstanceTests {
    private static let engine = Result { try Engine(.init(pool: PoolConfiguration(slotCount: 8, spareSlots: 0))) }
    private static let onePage = Result { try InstanceGuest.template(pages: 1, engine: engine.get()) }
    /// 4 GiB. Pages that nobody touches cost nothing.
    private static let largest = Result { try InstanceGuest.template(pages: 65_536, engine: engine.get()) }

    /// Runs a body beside two instances of the same pool, whose memories must stay as they are.
    private func besideNeighbours(_ body: () throws -> Void) throws {
        let pattern = [UInt8](repeating: 0x5A, count: 65_536)
        let neighbours = try (0..<2).map { _ in try InstanceGuest(Self.onePage.get(), WASI.Configuration()) }
        for neighbour in neighbours { neighbour.write(pattern, at: 0) }
        try body()
        for neighbour in neighbours { #expect(neighbour.read(at: 0, count: pattern.count) == pattern) }
    }

    @Test("in one page all holds that holds without code, and the neighbours notice nothing", arguments: WASICall.all)
    func onePage(_ call: WASICall) throws {
        let template = try Self.onePage.get()
        func makeGuest(_ configuration: WASI.Configuration) throws -> InstanceGuest {
            try InstanceGuest(template, configuration)
        }
        let control = try WASIControl(call, makeGuest)
        try besideNeighbours {
            for attack in WASIAttack.all(on: call, memorySize: 65_536) { try control.check(call, attack, makeGuest) }
        }
    }

    @Test("in the largest memory every address is good, and what ends at 2^32 fits", arguments: WASICall.all)
    func largest(_ call: WASICall) throws {
        let template = try Self.largest.get()
        func makeGuest(_ configuration: WASI.Configuration) throws -> InstanceGuest {
            try InstanceGuest(template, configuration)
        }
        let control = try WASIControl(call, makeGuest)
        for attack in WASIAttack.all(on: call, memorySize: 1 << 32) { try control.check(call, attack, makeGuest) }
    }

    @Test("the last byte of the largest memory can be filled, the one after it not")
    func lastByte() throws {
        let guest = try InstanceGuest(Self.largest.get(), WASI.Configuration())
        #expect(guest.memorySize == 1 << 32)
        #expect(guest.call("random_get", [0xFFFF_FFFF, 1]) == .success)
        #expect(guest.call("random_get", [0xFFFF_FFFF, 2]) == .fault)
        #expect(guest.call("random_get", [0xFFFF_0000, 0x1_0000]) == .success)
        #expect(guest.call("random_get", [0xFFFF_0000, 0x1_0001]) == .fault)
        #expect(guest.read(at: 0xFFFF_0000, count: 0x1_0000) != [UInt8](repeating: 0, count: 0x1_0000))
        // Nothing wrapped to the beginning.
        #expect(guest.read(at: 0, count: 0x1_0000) == [UInt8](repeating: 0, count: 0x1_0000))
        #expect(guest.call("clock_time_get", [0, 0, 0xFFFF_FFF8]) == .success)
        #expect(guest.call("clock_time_get", [0, 0, 0xFFFF_FFF9]) == .fault)
    }

    @Test("a module whose memory is empty, or that has none, gets faults for every address", arguments: [0, nil])
    func noMemory(_ pages: UInt32?) throws {
        let template = try InstanceGuest.template(pages: pages, engine: Self.engine.get())
        let addresses: [UInt64] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF]
        try besideNeighbours {
            for call in WASICall.all {
                let scene = try WASIScene()
                let guest = try InstanceGuest(template, scene.configuration())
                #expect(guest.memorySize == 0)
                for address in addresses {
                    for count in [0, 1, 2, 0x2000_0000, 0xFFFF_FFFF] as [UInt64] {
                        let arguments = call.arguments.map { argument in
                            switch argument {
                            case .value(let value): value
                            case .pointer: address
                            case .count: count
                            }
                        }
                        let error = guest.call(call.name, arguments)
                        if !call.pointers.isEmpty {
                            // An empty range lies in an empty memory: at its only address, and without a result beside
                            // it.
                            let mayBeEmpty =
                                address == 0 && count == 0
                                && call.pointers.allSatisfy { call.countIndex(of: $0.index) != nil }
                            #expect(error != .success || mayBeEmpty, "\(call) \(arguments)")
                        }
                        // Number 4 is not open in this scene, so that a call may fail for that before it looks at
                        // anything.
                        if !call.pointers.isEmpty, address > 0, call.expected == .success {
                            #expect([.fault, .badf, .inval].contains(error), "\(call) \(arguments): \(error)")
                        }
                    }
                }
                #expect(
                    Set(try FileManager.default.contentsOfDirectory(atPath: scene.root)) == [
                        "file", "sub", "empty", "link",
                    ])
            }
        }
    }

    @Test("proc_exit ends the guest with any number, whatever its memory", arguments: [nil, 0, 1] as [UInt32?])
    func exit(_ pages: UInt32?) throws {
        let template = try InstanceGuest.template(pages: pages, engine: Self.engine.get())
        for code in [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] as [UInt32] {
            let guest = try InstanceGuest(template, WASI.Configuration())
            #expect(throws: WASIExit(code: code)) { try guest.results("proc_exit", [UInt64(code)]) }
        }
    }
}
