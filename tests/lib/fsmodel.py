"""What a file system does, as simply as can be: dictionaries and bytearrays. Answers are ext4's: 0, a number of
bytes, or a negative error."""
import errno
from dataclasses import dataclass, field

DIR, REG, LNK, FIFO = 4, 8, 10, 1
LINKS_MAX = 40
NOREPLACE, EXCHANGE = 1, 2


@dataclass(eq=False)
class Node:
    type: int
    mode: int
    nlink: int = 1
    data: bytearray = field(default_factory=bytearray)
    target: bytes = b""
    names: dict = field(default_factory=dict)
    parent: "Node" = None

    @property
    def size(self):
        return len(self.target) if self.type == LNK else len(self.data)


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error)
        self.error = -error


def answers(function):
    """A method that raises Refused returns the error instead."""
    def wrapped(*arguments):
        try:
            return function(*arguments) or 0
        except Refused as refused:
            return refused.error
    return wrapped


def refuse_if(condition, error):
    if condition:
        raise Refused(error)


class Model:
    def __init__(self):
        self.root = Node(DIR, 0o755, 2)
        self.root.parent = self.root

    # -- paths

    def _child(self, here, name):
        refuse_if(here.type != DIR, errno.ENOTDIR)
        if name == b".":
            return here
        if name == b"..":
            return here.parent
        refuse_if(name not in here.names, errno.ENOENT)
        return here.names[name]

    def _walk(self, path, parent=False):
        """The node at PATH, a last symbolic link not followed; or (directory, last name)."""
        here, rest, links = self.root, [part for part in path.split(b"/") if part], 0
        while rest:
            name = rest.pop(0)
            if parent and not rest:
                refuse_if(here.type != DIR, errno.ENOTDIR)
                return here, name
            found = self._child(here, name)
            if found.type == LNK and rest:
                links += 1
                refuse_if(links > LINKS_MAX, errno.ELOOP)
                if found.target.startswith(b"/"):
                    here = self.root
                rest = [part for part in found.target.split(b"/") if part] + rest
            else:
                here = found
        return here

    # -- names

    @answers
    def make(self, path, kind, target):
        place, name = self._walk(path, parent=True)
        refuse_if(name in place.names or name in (b".", b".."), errno.EEXIST)
        node = Node(kind >> 12, 0o777 if kind >> 12 == LNK else kind & 0o7777, target=target, parent=place)
        if node.type == DIR:
            node.nlink = 2
            place.nlink += 1
        place.names[name] = node

    @answers
    def link(self, old, new):
        node = self._walk(old)
        place, name = self._walk(new, parent=True)
        refuse_if(name in place.names, errno.EEXIST)
        refuse_if(node.type == DIR, errno.EPERM)
        place.names[name] = node
        node.nlink += 1

    def _drop(self, place, name):
        node = place.names.pop(name)
        if node.type == DIR:
            place.nlink -= 1
            node.nlink = 0
        else:
            node.nlink -= 1

    @answers
    def remove(self, path, directory):
        place, name = self._walk(path, parent=True)
        node = self._child(place, name)
        if directory:
            refuse_if(node.type != DIR, errno.ENOTDIR)
            refuse_if(node.names, errno.ENOTEMPTY)
        else:
            refuse_if(node.type == DIR, errno.EISDIR)
        self._drop(place, name)

    @staticmethod
    def _is_above(node, place):
        while True:
            if node is place:
                return True
            if place is place.parent:
                return False
            place = place.parent

    @staticmethod
    def _may_replace(node, there):
        if node.type == DIR:
            refuse_if(there.type != DIR, errno.ENOTDIR)
            refuse_if(there.names, errno.ENOTEMPTY)
        else:
            refuse_if(there.type == DIR, errno.EISDIR)

    @answers
    def rename(self, old, new, flags):
        place, name = self._walk(old, parent=True)
        to, to_name = self._walk(new, parent=True)
        node, there = self._child(place, name), to.names.get(to_name)
        refuse_if(there and flags & NOREPLACE, errno.EEXIST)
        refuse_if(not there and flags & EXCHANGE, errno.ENOENT)
        refuse_if(node.type == DIR and self._is_above(node, to), errno.EINVAL)
        if there and there.type == DIR and self._is_above(there, place):
            raise Refused(errno.EINVAL if flags & EXCHANGE else errno.ENOTEMPTY)
        if there is node:
            return
        if there and not flags & EXCHANGE:
            self._may_replace(node, there)
            self._drop(to, to_name)
        self._move(node, place, to)
        to.names[to_name] = node
        if flags & EXCHANGE:
            self._move(there, to, place)
            place.names[name] = there
        else:
            del place.names[name]

    @staticmethod
    def _move(node, place, to):
        if node.type == DIR:
            place.nlink -= 1
            to.nlink += 1
            node.parent = to

    # -- contents

    def _file(self, path):
        node = self._walk(path)
        refuse_if(node.type == DIR, errno.EISDIR)
        refuse_if(node.type != REG, errno.EINVAL)
        return node

    @answers
    def write(self, path, offset, data):
        node = self._file(path)
        if len(node.data) < offset:
            node.data.extend(bytes(offset - len(node.data)))
        node.data[offset:offset + len(data)] = data
        return len(data)

    @answers
    def append(self, path, data):
        node = self._file(path)
        node.data.extend(data)
        return len(data)

    @answers
    def read(self, path, offset, size):
        return bytes(self._file(path).data[offset:offset + size]) or b""

    @answers
    def truncate(self, path, size):
        node = self._file(path)
        if size < len(node.data):
            del node.data[size:]
        else:
            node.data.extend(bytes(size - len(node.data)))

    @answers
    def chmod(self, path, mode):
        self._walk(path).mode = mode

    @answers
    def exists(self, path):
        self._walk(path)

    # -- all of it

    def tree(self, node=None, path=b""):
        """Yield (path, Node) for everything below, the root first as b"/"."""
        node = node or self.root
        yield path or b"/", node
        for name, child in sorted(node.names.items()):
            yield from self.tree(child, path + b"/" + name)
