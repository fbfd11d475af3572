# SPDX-License-Identifier: GPL-2.0-or-later
"""Where images are kept, how they are named, and locking between builders.

An image is a folder below <cache>/images whose name ends in a hash of its
recipe, so a changed recipe is a new image and an old one is never wrong.
It appears by one rename: a folder with that name is complete.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))


class ImageError(Exception):
    """Something the user can act on; the text says what."""


def cache():
    """The cache folder, outside the repository; created if need be."""
    path = os.environ.get("LAMINA_CACHE")
    if not path:
        base = os.environ.get("XDG_CACHE_HOME")
        if not base:
            base = os.path.expanduser("~/.cache")
        path = os.path.join(base, "lamina")
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as err:
        raise ImageError("cannot create the cache folder %s: %s; set "
                         "LAMINA_CACHE to another one" %
                         (path, err.strerror)) from err
    return os.path.abspath(path)


def recipe_hash(*extra):
    """Hash of everything in this package and of the recipe's parameters."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(HERE):
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        for name in sorted(names):
            path = os.path.join(folder, name)
            digest.update(os.path.relpath(path, HERE).encode())
            with open(path, "rb") as f:
                digest.update(f.read())
    digest.update(repr(extra).encode())
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def locked(name):
    """Holds the lock called name: one builder of one thing at a time."""
    folder = os.path.join(cache(), "locks")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def obtain(name, refresh, build):
    """The folder of image name; build(folder) fills it if it is not there."""
    final = os.path.join(cache(), "images", name)
    with locked(name):
        if refresh and os.path.isdir(final):
            shutil.rmtree(final)
        if not os.path.isdir(final):
            os.makedirs(os.path.dirname(final), exist_ok=True)
            work = tempfile.mkdtemp(prefix="." + name + "-",
                                    dir=os.path.dirname(final))
            try:
                build(work)
                os.chmod(work, 0o755)
                os.rename(work, final)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return final
