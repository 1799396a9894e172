//! The files of a folder.

import Foundation

/// The paths of a folder's files, in the order of their names.
func files(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { "\(folder)/\($0)" }
}
