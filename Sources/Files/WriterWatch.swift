import Synchronization

// Whether somebody is still writing a file. That it was left alone for a second does not tell: an editor may pause, a copy
// over a network may stall. The kernel tells of each change and of each end of one (inotify(7)).
#if os(Linux)
    import Glibc
#endif

/// Of the files in some directories, from the first question about a directory on. Where the kernel does not tell (another
/// host writes to a network filesystem; the limit of watches is reached) a file counts as written to its end.
package final class WriterWatch: Sendable {
    private struct State {
        /// What is watched, by the kernel's number, and back.
        var directories: [Int32: String] = [:]
        var numbers: [String: Int32] = [:]
        /// Paths that were changed and not closed since.
        var open: Set<String> = []
    }

    private let state = Mutex(State())
    /// -1 where there is none.
    private let descriptor: Int32

    package init() {
        #if os(Linux)
            descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        #else
            descriptor = -1
        #endif
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Those of `files` (absolute paths) that were changed by somebody who has them open still.
    package func unfinished(_ files: [String]) -> [String] {
        guard descriptor >= 0 else { return [] }
        return state.withLock { state in
            #if os(Linux)
                drain(&state)
                for directory in Set(files.map(Paths.directory(of:))) { watch(directory, &state) }
            #endif
            return files.filter { state.open.contains($0) }
        }
    }
}

#if os(Linux)
    extension WriterWatch {
        private func watch(_ directory: String, _ state: inout State) {
            guard state.numbers[directory] == nil else { return }
            let events = UInt32(
                IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE
                    | IN_MOVE_SELF)
            let number = inotify_add_watch(descriptor, directory, events)
            guard number >= 0 else { return }
            state.numbers[directory] = number
            state.directories[number] = directory
        }

        private func drain(_ state: inout State) {
            // Room for some events; one with the longest name takes 272 bytes.
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                guard count > 0 else { return }
                buffer[..<count].withUnsafeBytes { take($0, &state) }
            }
        }

        /// Events as read(2) gives them: `struct inotify_event`, each followed by a name padded with NUL.
        private func take(_ events: UnsafeRawBufferPointer, _ state: inout State) {
            let head = MemoryLayout<inotify_event>.size
            var offset = 0
            while offset + head <= events.count {
                let number = events.loadUnaligned(fromByteOffset: offset, as: Int32.self)
                let mask = events.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                let length = Int(events.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
                let name = events[(offset + head)..<min(offset + head + length, events.count)].prefix {
                    $0 != 0
                }
                offset += head + length
                // Some events are lost: nothing is known of those before.
                if mask & UInt32(IN_Q_OVERFLOW) != 0 { state.open = [] }
                // Another directory may take its name.
                if mask & UInt32(IN_MOVE_SELF) != 0 { inotify_rm_watch(descriptor, number) }
                // The directory is gone, and so are its files.
                if mask & UInt32(IN_IGNORED) != 0, let gone = state.directories.removeValue(forKey: number) {
                    state.numbers[gone] = nil
                    state.open = state.open.filter { Paths.directory(of: $0) != gone }
                }
                guard let directory = state.directories[number], !name.isEmpty else { continue }
                let path = directory + "/" + String(decoding: name, as: UTF8.self)
                if mask & UInt32(IN_MODIFY) != 0 {
                    state.open.insert(path)
                } else {
                    state.open.remove(path)
                }
            }
        }
    }
#endif
