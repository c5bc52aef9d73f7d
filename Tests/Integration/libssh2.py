"""A client on the C library libssh2 itself, through ctypes: connect, check, log in, upload, rename."""
import ctypes
import ctypes.util
import socket

FXF_WRITE, FXF_CREAT, FXF_TRUNC = 0x02, 0x08, 0x10
NO_SUCH_FILE = 2


class Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulong) for name in ("flags", "size", "uid", "gid", "permissions", "atime", "mtime")]


def library():
    """The library, or None where it is not installed."""
    name = ctypes.util.find_library("ssh2")
    return name and ctypes.CDLL(name)


class Client:
    def __init__(self, port, user, source, password=None, key=None):
        self.lib = library()
        for name in ("libssh2_session_init_ex", "libssh2_sftp_init", "libssh2_sftp_open_ex"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
        self.socket.settimeout(None)
        self.session = ctypes.c_void_p(self.lib.libssh2_session_init_ex(None, None, None, None))
        self.check(self.lib.libssh2_session_handshake(self.session, self.socket.fileno()), "handshake")
        user = user.encode()
        if key:
            self.check(self.lib.libssh2_userauth_publickey_fromfile_ex(
                self.session, user, len(user), (key + ".pub").encode(), key.encode(), None), "key")
        else:
            secret = password.encode()
            self.check(self.lib.libssh2_userauth_password_ex(
                self.session, user, len(user), secret, len(secret), None), "password")
        self.sftp = ctypes.c_void_p(self.lib.libssh2_sftp_init(self.session))
        if not self.sftp:
            raise OSError("libssh2: no SFTP")

    def check(self, status, step):
        if status < 0:
            raise OSError(f"libssh2: {step}: {status}")
        return status

    def put(self, name, data, at=0):
        """Writes a whole file; or, with a position, what is missing of one that is there."""
        name = name.encode()
        flags = FXF_WRITE if at else FXF_WRITE | FXF_CREAT | FXF_TRUNC
        handle = ctypes.c_void_p(self.lib.libssh2_sftp_open_ex(self.sftp, name, len(name), flags, 0o644, 0))
        if not handle:
            raise OSError(f"libssh2: open: {self.lib.libssh2_sftp_last_error(self.sftp)}")
        self.lib.libssh2_sftp_write.restype = ctypes.c_ssize_t
        if at:
            self.lib.libssh2_sftp_seek64(handle, ctypes.c_uint64(at))
        offset = 0
        while offset < len(data):
            piece = data[offset:offset + 100_000]
            offset += self.check(self.lib.libssh2_sftp_write(
                handle, piece, ctypes.c_size_t(len(piece))), "write")
        self.check(self.lib.libssh2_sftp_close_handle(handle), "close")

    def rename(self, old, new):
        old, new = old.encode(), new.encode()
        self.check(self.lib.libssh2_sftp_rename_ex(
            self.sftp, old, len(old), new, len(new), ctypes.c_long(7)), "rename")

    def mkdir(self, name):
        name = name.encode()
        self.check(self.lib.libssh2_sftp_mkdir_ex(self.sftp, name, len(name), ctypes.c_long(0o755)), "mkdir")

    def size(self, name):
        """By STAT; None for what is not there."""
        name, found = name.encode(), Attributes()
        status = self.lib.libssh2_sftp_stat_ex(self.sftp, name, len(name), 0, ctypes.byref(found))
        if status < 0 and self.lib.libssh2_sftp_last_error(self.sftp) == NO_SUCH_FILE:
            return None
        self.check(status, "stat")
        return found.size

    def close(self):
        self.lib.libssh2_sftp_shutdown(self.sftp)
        self.lib.libssh2_session_disconnect_ex(self.session, 11, b"done", b"")
        self.lib.libssh2_session_free(self.session)
        self.socket.close()
