//! The fuel of instances: what is left of what the host gave, in the root's context.
//!
//! A guest takes it in slices. Where it is in a call of the host's, has returned, or has not begun, the context says exactly what
//! is left: of the slice, and besides. A guest that was stopped anywhere else had what was left of its slice in a register, and
//! loses it.
//!
//! Fuel is the host's budget, not the guest's state: no copy of an instance has any, and rolling back gives none back. A slot
//! begins with none, because every change counts as a write, after which the slot is reset.

import Compiler

extension ModuleCore {
    /// Whether its code takes fuel.
    public var metersFuel: Bool { code.settings.metersFuel }
}

extension InstanceCore {
    /// Units that are left to it and the instances it is linked with; at most `Int64.max`. Only code that meters fuel takes any.
    public final var fuel: UInt64 {
        get { UInt64(max(0, fuelWords.slice.pointee &+ fuelWords.reserve.pointee)) }
        set {
            noteWrite()
            let units = Int64(clamping: newValue)
            let slice = min(units, VMContextLayout.fuelSlice)
            fuelWords.slice.pointee = slice
            fuelWords.reserve.pointee = units - slice
        }
    }

    /// In the root's context.
    private final var fuelWords: (slice: UnsafeMutablePointer<Int64>, reserve: UnsafeMutablePointer<Int64>) {
        (
            (root + VMContextLayout.fuel).assumingMemoryBound(to: Int64.self),
            (root + VMContextLayout.fuelReserve).assumingMemoryBound(to: Int64.self)
        )
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

    /// Takes account of what was in a register when code of the instance was stopped.
    final func loseFuel(_ code: TrapCode) {
        guard template.module.metersFuel else { return }
        switch code {
        // Settled just before.
        case .unreachable: break
        // What was left did not suffice for what there was to pay.
        case .outOfFuel: fuel = 0
        default: loseSlice()
        }
    }

    /// The same where it is not known whose code it was.
    final func loseSlice() { fuelWords.slice.pointee = 0 }
}
