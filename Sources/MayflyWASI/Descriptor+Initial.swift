//! The descriptors that a guest starts with: three streams, then the directories given to it.
//!
//! They are made when the configuration is, not for every context; nothing in them belongs to one context.

internal import Glibc

extension WASI.Configuration {
    func makeInitialDescriptors() -> [Descriptor?] {
        let input =
            switch standardInput {
            case .null: Descriptor.null
            case .inherit: Descriptor(stream: .host(STDIN_FILENO))
            case .descriptor(let descriptor): Descriptor(stream: .host(descriptor))
            case .bytes: Descriptor(stream: .input)
            }
        return [
            input, Descriptor(standardOutput, inherited: STDOUT_FILENO, capture: .standardOutput),
            Descriptor(standardError, inherited: STDERR_FILENO, capture: .standardError),
        ] + preopens.map(Descriptor.init(preopen:))
    }
}

extension Descriptor {
    /// A character device, as /dev/null is.
    fileprivate static var null: Descriptor {
        Descriptor(object: .null, type: .characterDevice, rights: .stream, inheritingRights: [])
    }

    /// The type of a host's stream is looked up when it is asked for: most guests do not ask.
    fileprivate init(stream object: Object) {
        self.init(object: object, type: .unknown, rights: .stream, inheritingRights: [])
    }

    fileprivate init(_ output: WASI.Output, inherited: Int32, capture: Capture) {
        switch output {
        case .null: self = .null
        case .inherit: self.init(stream: .host(inherited))
        case .descriptor(let descriptor): self.init(stream: .host(descriptor))
        case .capture: self.init(stream: .output(capture))
        }
    }

    fileprivate init(preopen: WASI.Preopen) {
        self.init(
            object: .host(preopen.directory.descriptor), type: .directory, preopen: preopen, rights: .directory,
            inheritingRights: .directory.union(.file))
        if preopen.access == .readOnly {
            droppedRights = .writing
            droppedInheritingRights = .writing
            rights.subtract(.writing)
            inheritingRights.subtract(.writing)
        }
    }
}

extension Rights {
    /// All that changes something.
    static let writing: Rights = [
        .fdWrite, .fdAllocate, .fdFilestatSetSize, .fdFilestatSetTimes, .pathCreateDirectory, .pathCreateFile,
        .pathLinkSource, .pathLinkTarget, .pathRenameSource, .pathRenameTarget, .pathFilestatSetSize,
        .pathFilestatSetTimes, .pathSymlink, .pathRemoveDirectory, .pathUnlinkFile,
    ]
}
