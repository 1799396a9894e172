//! Linked instances as they are at one moment, to begin with as often as wanted.
//!
//! Each instance of a group has a template of its state. What holds the group together, imports and function references, are
//! addresses in the group's contexts and records, which other instances have elsewhere: here they are numbers of members and
//! indices, and become addresses when a group is made.
//!
//! Invariant: no reference to a function is in an image. Each that there was is in `references`.

import Compiler
import WasmModule

/// The state of all instances of a group.
public final class GroupSnapshot: Sendable {
    /// Something that a member has: a function, a memory, a table or a global, by its index there.
    struct Place {
        var member: Int
        var index: Int
    }

    struct Member {
        /// Of the instance's own state, without references to functions.
        var template: TemplateCore
        /// By index space: what each import is linked to. Functions of the host's are nil.
        var functions: [Place?]
        var memories: [Place]
        var tables: [Place]
        var globals: [Global]
        /// References to functions that its tables and globals hold.
        var references: [(holder: Holder, function: Place)]
    }

    enum Global {
        case value(V128)
        case reference(Place)
        case place(Place)
    }

    enum Holder {
        case table(Int, element: Int)
        case global(Int)
    }

    let members: [Member]
    let names: [ExactName: Int]

    /// - Throws: `CopyError`, `PoolError`.
    public init(_ group: InstanceGroup) throws {
        let instances = group.members
        members = try instances.map { try $0.linkedSnapshot(in: instances) }
        names = group.names.mapValues { named in instances.firstIndex { $0 === named } ?? 0 }
    }

    /// Makes instances that begin where the snapshot was taken, as the only members of a new group, in their order. Refreshers have
    /// run on each.
    ///
    /// - Parameters:
    ///   - limits: of all of them together.
    ///   - make: takes a slot for an instance; receives the stamp and the group.
    /// - Throws: `PoolError`; `LimitError`; what refreshers throw.
    public func instantiate<Instance: InstanceCore>(
        _ engine: EngineCore, limits: ResourceLimits, _ make: (UnsafePointer<Stamp>, InstanceGroup) throws -> Instance
    ) throws -> InstanceGroup {
        let group = InstanceGroup(engine, limits: limits)
        for member in members {
            let instance = try make(member.template.stamp, group)
            try group.admit(instance)
            _ = group.add(instance, links(of: member, group.members))
        }
        for (member, instance) in zip(members, group.members) {
            instance.noteWrite()
            for (holder, function) in member.references {
                let reference = group.members[function.member].reference(toFunction: function.index)
                switch holder {
                case .table(let table, let element): instance.linkage?.tables?[table].elements[element] = reference
                case .global(let global): instance.storeGlobal(global, V128(low: reference))
                }
            }
        }
        for (name, member) in names { group.register(group.members[member], as: name) }
        for instance in group.members { try instance.refresh() }
        return group
    }

    private func links(of member: Member, _ instances: [InstanceCore]) -> InstanceGroup.Links {
        func linkage(_ place: Place) -> Linkage {
            guard let linkage = instances[place.member].linkage else { preconditionFailure("a member is linked") }
            return linkage
        }
        var links = InstanceGroup.Links()
        for function in member.functions {
            // What is the host's, the template has.
            guard let place = function, let records = linkage(place).records else {
                links.functions.append(.unchanged)
                continue
            }
            links.functions.append(.foreign(record: records + place.index * FunctionRecord.size))
        }
        links.memories = member.memories.map { linkage($0).memories[$0.index] }
        links.tables = member.tables.map { linkage($0).tables![$0.index] }
        links.globals = member.globals.map { global in
            switch global {
            case .value(let cells): .value(cells)
            case .reference(let function):
                .value(V128(low: instances[function.member].reference(toFunction: function.index)))
            case .place(let place): .address(instances[place.member].globalAddress(place.index))
            }
        }
        return links
    }
}

extension InstanceCore {
    /// The instance's part of a snapshot of its group.
    fileprivate final func linkedSnapshot(in members: [InstanceCore]) throws -> GroupSnapshot.Member {
        guard let linkage, let tables = linkage.tables else { preconditionFailure("an instance that is not linked") }
        guard control.pointee.memoryBorrows == 0 else { throw CopyError.memoryInUse }
        if isToStop { throw CopyError.stoppedInstance }
        let decoded = template.module.decoded
        typealias Place = GroupSnapshot.Place

        func function(_ reference: UInt64) -> Place? {
            for (number, member) in members.enumerated() {
                if let index = member.ownFunctionIndex(ofReference: reference) {
                    return Place(member: number, index: index)
                }
            }
            return nil
        }
        /// The first member that has it is the one that defines it, or has it from there.
        func place<Object: AnyObject>(_ object: Object, _ all: (Linkage) -> [Object]?) -> Place {
            for (number, member) in members.enumerated() {
                if let index = member.linkage.flatMap(all)?.firstIndex(where: { $0 === object }) {
                    return Place(member: number, index: index)
                }
            }
            preconditionFailure("something imported that no member has")
        }
        func global(at address: UnsafeMutableRawPointer) -> Place {
            for (number, member) in members.enumerated() {
                let layout = member.template.module.code.layout
                let offset = address - member.context
                if offset >= layout.mutableStart, offset < layout.size {
                    return Place(member: number, index: (offset - layout.mutableStart) / 16)
                }
            }
            preconditionFailure("an imported global that no member has")
        }

        // Only what is the instance's own: the imported is somebody else's.
        let ownTables = (decoded.importedTableCount..<decoded.tables.count).filter {
            decoded.tables[$0].element == .funcref
        }
        let ownGlobals = (decoded.importedGlobalCount..<decoded.globals.count).filter {
            decoded.globals[$0].value == .funcref
        }
        var references: [(GroupSnapshot.Holder, Place)] = []
        for table in ownTables {
            for element in 0..<Int(tables[table].length) {
                let reference = tables[table].elements[element]
                if let function = function(reference) { references.append((.table(table, element: element), function)) }
            }
        }
        for index in ownGlobals {
            if let function = function(globalCells(index).low) { references.append((.global(index), function)) }
        }
        let pool = template.pool
        var use = SlotUse.unknown
        var images = [
            try pool.image(
                of: slot, after: &use,
                nulls: (ownTables, Array(0..<decoded.importedGlobalCount) + ownGlobals))
        ]
        for further in linkage.furtherSlots {
            use = .unknown
            images.append(try pool.image(of: further, after: &use))
        }
        return GroupSnapshot.Member(
            template: TemplateCore(of: template, images, droppedData: droppedData, droppedElements: droppedElements),
            functions: linkage.links.functions.map { link in
                guard case .foreign(let record) = link else { return nil }
                return function(UInt64(UInt(bitPattern: record)))
            },
            memories: linkage.links.memories.map { memory in place(memory) { $0.memories } },
            tables: linkage.links.tables.map { table in place(table) { $0.tables } },
            globals: linkage.links.globals.enumerated().map { index, link in
                switch link {
                case .address(let address): return .place(global(at: address))
                case .value(let cells):
                    let isFunction = decoded.globals[index].value == .funcref
                    if isFunction, let function = function(cells.low) { return .reference(function) }
                    return .value(cells)
                }
            }, references: references)
    }
}
