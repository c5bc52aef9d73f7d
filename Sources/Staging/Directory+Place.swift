// Small files of the gate's own, written whole under a temporary name.
import Glibc

extension Directory {
    /// Writes a file (0600) under a temporary name, makes it durable, and moves it to `name`. Without
    /// `replacing` it throws `.exists` when the name is taken. What root writes belongs to the directory's owner and
    /// group, and where that is root itself the group may read it (0640): the gate must be able to.
    package func place(_ bytes: [UInt8], as name: String, replacing: Bool) throws(StagingError) {
        let temporary = ".\(name).\(UInt64.random(in: 0 ... .max)).tmp"
        do throws(StagingError) {
            let file = try createFile(temporary)
            try file.write(bytes)
            var status = stat()
            if geteuid() == 0, fstat(descriptor, &status) == 0 {
                _ = fchown(file.descriptor, status.st_uid, status.st_gid)
                if status.st_uid == 0, status.st_gid != 0 { _ = fchmod(file.descriptor, 0o640) }
            }
            try file.sync()
            if replacing {
                try replace(temporary, to: self, as: name)
            } else {
                try move(temporary, to: self, as: name)
            }
            try sync()
        } catch {
            _ = try? remove(temporary)
            throw error
        }
    }
}
