//! Where the instances of a template live: in which of the engine's two pools, and how large their memories may become.
//!
//! Dense slots have no guards between them. So the one rule that must never be broken is here, checked where a template is made
//! and nowhere else: what lives in a dense slot runs code that compares every access with the memory's length.

public import Compiler
public import WasmModule

/// A template's choice of pool.
public struct Residence: Sendable {
    let pool: Pool

    /// Bytes that a memory may have at most, whatever the module declares. A dense slot must not allow what an ordinary one would
    /// not.
    let mostBytes: UInt64

    fileprivate init(_ pool: Pool, _ memoryLimit: UInt64?, engineLimit: UInt64) {
        self.pool = pool
        mostBytes = min(pool.configuration.maximumMemoryBytes, engineLimit, memoryLimit ?? .max)
    }

    /// Whether code may run in slots of the pool.
    func suits(_ code: CompiledCode) -> Bool { !pool.geometry.isDense || code.settings.boundsChecks == .explicit }
}

extension EngineCore {
    /// In a slot with guards around its memory.
    public func ordinaryResidence(memoryLimit: UInt64? = nil) -> Residence {
        Residence(pool, memoryLimit, engineLimit: limits.maximumMemoryBytes)
    }

    /// In a dense slot, if instances of a module can live there.
    ///
    /// - Parameters:
    ///   - code: what it compiles to, with whatever bounds checks. Nil if it has not been compiled: then it may turn out that its
    ///     tables do not fit after all.
    ///   - tables: with what elements the tables begin, if not with those that the module says.
    public func denseResidence(
        of module: DecodedModule, _ code: CompiledCode?, memoryLimit: UInt64? = nil, tables: [[UInt64]]? = nil
    ) -> Residence? {
        guard let densePool else { return nil }
        let residence = Residence(densePool, memoryLimit, engineLimit: limits.maximumMemoryBytes)
        // What needs other instances is linked with them, and linked instances are never dense.
        let needsInstances = module.imports.contains { entry in
            switch entry.type {
            case .memory, .table: true
            case .global(let type): type.isMutable
            case .function: false
            }
        }
        guard !needsInstances, VMContextLayout(module).size <= densePool.geometry.contextBytes,
            module.memories.allSatisfy({ fits($0, densePool, memoryLimit) })
        else { return nil }
        if let code {
            let isMutable = InitialState.mutableTables(of: module, written: code.writtenTables)
            var elements = 0
            for (index, table) in module.tables.enumerated() where isMutable[index] {
                // 64-bit tables may declare what no slot has; bounded, so that the sum stays small enough.
                elements += tables?[index].count ?? Int(min(table.limits.minimum, 1 << 32))
            }
            guard elements <= densePool.geometry.tableElements else { return nil }
        }
        return residence
    }

    private func fits(_ memory: MemoryType, _ densePool: Pool, _ memoryLimit: UInt64?) -> Bool {
        let initial = memory.limits.minimum.bytesOfPages
        // What the ordinary pool would not let it grow to does not count.
        let most = min(
            memory.limits.maximum?.bytesOfPages ?? .max, memoryLimit ?? .max, limits.maximumMemoryBytes)
        return initial <= most && most <= densePool.geometry.maximumMemoryBytes
    }
}

extension UInt64 {
    /// Bytes of so many Wasm pages. 64-bit memories may declare sizes that no number of bytes has.
    var bytesOfPages: UInt64 {
        let (bytes, overflow) = multipliedReportingOverflow(by: MemoryType.pageSize)
        return overflow ? .max - (MemoryType.pageSize - 1) : bytes
    }
}
