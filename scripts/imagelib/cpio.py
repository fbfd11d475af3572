# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes cpio archives in the "newc" format, the one Linux takes as initramfs.

Done here and not with cpio(1) because device nodes and ownership must come
out the same for every user, with no root and no fakeroot.
"""

import stat

_ALIGN = 4


def _padding(length):
    return b"\0" * (-length % _ALIGN)


class Writer:
    """Collects entries; finish() returns the archive's bytes."""

    def __init__(self):
        self._parts = []
        self._inode = 0

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self._inode += 1
        raw = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0,
                  rdev[0], rdev[1], len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields)
        self._parts.append(head + raw + _padding(len(head) + len(raw)))
        self._parts.append(data + _padding(len(data)))

    def directory(self, name, mode=0o755):
        self._entry(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        self._entry(name, stat.S_IFREG | mode, data)

    def symlink(self, name, target):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def char_device(self, name, major, minor, mode=0o600):
        self._entry(name, stat.S_IFCHR | mode, b"", (major, minor))

    def finish(self):
        self._inode = -1
        self._entry("TRAILER!!!", 0)
        return b"".join(self._parts)
