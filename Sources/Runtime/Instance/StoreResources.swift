//! What the host keeps for an instance, or for all that are linked with each other, beside their slots.
//!
//! Most instances have none of it: it is made when it is first needed, and stamping pays for a reference that is nil.

/// Objects that guests refer to.
public final class StoreResources {
    var objects = ObjectTable()
    var objectLimit: Int { ObjectTable.defaultLimit }

    public init() {}
}

extension InstanceCore {
    /// The instance's, or the linked instances' together.
    final func ownResources() -> StoreResources {
        if let resources { return resources }
        let made = StoreResources()
        resources = made
        return made
    }
}
