//! Fuel: running guests for an amount of work, not for a time, so that the same guest ends at the same place on any machine.
//!
//! Metering is compiled into a module's code for those who ask for it (`CodeSettings.metersFuel`); nobody else pays. The amount
//! lies with the instance, or with all linked instances of a store together. See `InstanceCore.fuel`.

import Runtime

/// Fuel was to be set or taken where none is metered.
public enum FuelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The instance's module was compiled without metering, so that any amount would let it run for ever.
    case unmetered

    /// What happened, for people.
    public var description: String {
        "fuel has no effect on this instance: its module was compiled without metering"
    }
}

extension Module {
    /// Whether its code takes fuel, as ``Engine/compile(_:metersFuel:monitor:)`` was told.
    public var metersFuel: Bool { core.metersFuel }
}

extension Instance {
    /// Units of fuel that are left; nil if the instance's module was compiled without metering.
    ///
    /// An instance begins with 0, unless it is made with fuel (`Template.withInstance(state:limits:fuel:deadline:_:)`), and so ends
    /// with its first instruction. Each WebAssembly instruction takes one unit, except for those that only structure the
    /// code, and `drop`, `nop`, `return` and `unreachable`, which are free; bulk instructions take one more for each 64 bytes.
    /// The amount that a run takes depends on the guest and its input alone, and not on the machine or on how code is
    /// optimized.
    ///
    /// Where the guest is in a host function, or has returned, exactly that is gone which its instructions so far took. After
    /// another trap than `TrapCode.outOfFuel` and `TrapCode.unreachable` up to 16,384 units more can be gone.
    ///
    /// A guest that has not enough ends with a `Trap` (`TrapCode.outOfFuel`), and 0 units, before it calls a host function,
    /// returns, or goes round a loop once more; to there it may go on without. It is not started again where it stopped: its
    /// call is over, and what it was doing half done, in memory, tables and globals. The instance can be called again when
    /// it has been given fuel, as after any other trap.
    ///
    /// Fuel is the host's budget and no part of the guest's state: forks and instances of snapshots begin with 0, and
    /// rolling back gives none back. Linked instances (`Store.instantiate(_:imports:as:fuel:)`) share one amount.
    public var fuel: UInt64? { store.meteredFuel }

    /// Sets what is left, in units; amounts above `Int64.max` count as that.
    ///
    /// - Throws: ``FuelError/unmetered``.
    public borrowing func setFuel(_ units: UInt64) throws(FuelError) { try store.setFuel(units) }

    /// Adds to what is left, in units, up to `Int64.max`.
    ///
    /// - Throws: ``FuelError/unmetered``.
    public borrowing func addFuel(_ units: UInt64) throws(FuelError) { try store.addFuel(units) }
}

extension Caller {
    /// Units of fuel that are left; nil if the guest's module was compiled without metering. The call of the host function has
    /// been paid for. See ``Instance/fuel``.
    public var fuel: UInt64? { store.meteredFuel }

    /// Sets what is left to the guest when the host function returns, in units; amounts above `Int64.max` count as that.
    ///
    /// - Throws: ``FuelError/unmetered``.
    public borrowing func setFuel(_ units: UInt64) throws(FuelError) { try store.setFuel(units) }

    /// Adds to what is left, in units, up to `Int64.max`.
    ///
    /// ```swift
    /// imports.define("host", "checkpoint") { caller in try caller.addFuel(10_000) }
    /// ```
    ///
    /// - Throws: ``FuelError/unmetered``.
    public borrowing func addFuel(_ units: UInt64) throws(FuelError) { try store.addFuel(units) }

    /// Takes units for what the host function does. If fewer are left, all of them go and the host function should throw on
    /// what this throws, which ends the guest.
    ///
    /// - Throws: `Trap` (`TrapCode.outOfFuel`) if fewer are left; ``FuelError/unmetered``.
    public borrowing func consumeFuel(_ units: UInt64) throws {
        try store.checkMetering()
        try store.consumeFuel(units)
    }
}

extension InstanceCore {
    fileprivate final func checkMetering() throws(FuelError) {
        guard template.module.metersFuel else { throw .unmetered }
    }

    fileprivate final var meteredFuel: UInt64? { template.module.metersFuel ? fuel : nil }

    final func setFuel(_ units: UInt64) throws(FuelError) {
        try checkMetering()
        fuel = units
    }

    fileprivate final func addFuel(_ units: UInt64) throws(FuelError) {
        try checkMetering()
        let (sum, isTooMuch) = fuel.addingReportingOverflow(units)
        fuel = isTooMuch ? .max : sum
    }
}
