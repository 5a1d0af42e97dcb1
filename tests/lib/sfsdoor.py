"""SFS as it is in fs/, called from Python: tests/fs/door.c by ctypes. One volume at a time."""
import ctypes

from lib.paths import BUILD

PATH, BYTES = ctypes.c_char_p, ctypes.c_void_p
SIGNATURES = {
    "format": ([ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint32], ctypes.c_int),
    "remount": ([], ctypes.c_int),
    "close": ([], ctypes.c_int),
    "make": ([PATH, ctypes.c_uint32, PATH], ctypes.c_int),
    "link": ([PATH, PATH], ctypes.c_int),
    "remove": ([PATH, ctypes.c_int], ctypes.c_int),
    "rename": ([PATH, PATH, ctypes.c_uint32], ctypes.c_int),
    "write": ([PATH, ctypes.c_uint64, PATH, ctypes.c_size_t], ctypes.c_int64),
    "append": ([PATH, PATH, ctypes.c_size_t], ctypes.c_int64),
    "read": ([PATH, ctypes.c_uint64, BYTES, ctypes.c_size_t], ctypes.c_int64),
    "truncate": ([PATH, ctypes.c_uint64], ctypes.c_int),
    "chmod": ([PATH, ctypes.c_uint32], ctypes.c_int),
    "fsync": ([PATH], ctypes.c_int),
    "sync": ([], ctypes.c_int),
    "stat": ([PATH, ctypes.c_uint64 * 5], ctypes.c_int),
    "readlink": ([PATH, BYTES, ctypes.c_size_t], ctypes.c_int),
    "list": ([PATH, BYTES, ctypes.c_size_t], ctypes.c_int64),
}


class Door:
    """One method for each function of door.c; paths are bytes. What returns bytes returns them, or an error."""

    def __init__(self):
        library = ctypes.CDLL(str(BUILD / "tests" / "libsfs.so"))
        for name, (arguments, result) in SIGNATURES.items():
            function = getattr(library, f"door_{name}")
            function.argtypes, function.restype = arguments, result
            setattr(self, f"_{name}", function)

    def __getattr__(self, name):
        return getattr(self, f"_{name}") if name in SIGNATURES else super().__getattribute__(name)

    def _bytes(self, function, *arguments, size):
        buffer = ctypes.create_string_buffer(size)
        got = function(*arguments, buffer, size)
        return got if got < 0 else buffer.raw[:got]

    def write(self, path, offset, data):
        return self._write(path, offset, data, len(data))

    def append(self, path, data):
        return self._append(path, data, len(data))

    def read(self, path, offset, size):
        return self._bytes(self._read, path, offset, size=size) if size else b""

    def readlink(self, path):
        return self._bytes(self._readlink, path, size=4096)

    def list(self, path):
        names = self._bytes(self._list, path, size=1 << 20)
        return names if isinstance(names, int) else names.split(b"\0")[:-1]

    def stat(self, path):
        """(ino, mode, nlink, size, blocks), or an error."""
        fields = (ctypes.c_uint64 * 5)()
        error = self._stat(path, fields)
        return error if error < 0 else tuple(fields)
