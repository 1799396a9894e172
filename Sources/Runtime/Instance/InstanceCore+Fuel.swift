//! The fuel of instances: what is left of what the host gave, in the root's context.
//!
//! Metered code takes it from there as it runs (`FunctionTranslator+Fuel`), at any moment. It is the host's budget, not the
//! guest's state: no copy of an instance has any, and rolling back gives none back. A slot begins with none, because every change of
//! it counts as a write, after which the slot is reset.
//!
//! A piece of code that could not be paid for leaves less than nothing behind. None of it ran, so that is the same as nothing.

import Compiler

extension ModuleCore {
    /// Whether its code takes fuel.
    public var metersFuel: Bool { code.settings.metersFuel }
}

extension InstanceCore {
    /// Units that are left to it and the instances it is linked with; at most `Int64.max`. Only code that meters fuel takes any.
    public final var fuel: UInt64 {
        get { UInt64(max(0, fuelWord.pointee)) }
        set {
            noteWrite()
            fuelWord.pointee = Int64(clamping: newValue)
        }
    }

    /// In the root's context.
    private final var fuelWord: UnsafeMutablePointer<Int64> {
        (UnsafeMutableRawPointer(control) - VMContextLayout.reserved + VMContextLayout.fuel)
            .assumingMemoryBound(to: Int64.self)
    }

    /// Takes fuel for what a host function does. If there is less, all of it goes.
    ///
    /// - Throws: `Trap` with the guest's stack if there was less.
    public final func consumeFuel(_ units: UInt64) throws(Trap) {
        let left = fuel
        fuel = left - min(units, left)
        guard units > left else { return }
        let frame = context.loadPointer(at: VMContextLayout.root).loadWord(at: VMContextLayout.guestFramePointer)
        throw trap(.outOfFuel, programCounter: nil, framePointer: frame)
    }
}
