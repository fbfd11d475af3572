# SPDX-License-Identifier: GPL-2.0-or-later
"""The small images: a stock kernel alone, and busybox as an initramfs."""

import os
import subprocess

from . import apt, cpio
from .places import HERE, ImageError

KERNELS = {"generic": "linux-image-amd64", "cloud": "linux-image-cloud-amd64"}


def build_kernel(folder, suite, kernel):
    """vmlinuz and config of a suite's stock kernel."""
    source = apt.Apt(suite)
    source.update()
    package = source.dependency(KERNELS[kernel], "linux-image-")
    deb = source.download(package, folder)
    files = apt.members(deb, lambda path: path.startswith(
        ("boot/vmlinuz-", "boot/config-")))
    os.unlink(deb)
    for path, data in files.items():
        name = os.path.basename(path).split("-")[0]
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    if not os.path.exists(os.path.join(folder, "vmlinuz")):
        raise ImageError("%s holds no kernel" % package)
    with open(os.path.join(folder, "package"), "w", encoding="utf-8") as f:
        f.write(os.path.basename(deb) + "\n")


def build_busybox(folder, suite):
    """busybox.img: Debian's static busybox and the init beside this file."""
    source = apt.Apt(suite)
    source.update()
    deb = source.download("busybox-static", folder)
    files = apt.members(deb, lambda p: p in ("bin/busybox",
                                             "usr/bin/busybox"))
    os.unlink(deb)
    program = os.path.join(folder, "busybox")
    with open(program, "wb") as f:
        f.write(next(iter(files.values())))
    os.chmod(program, 0o755)
    applets = subprocess.run([program, "--list"], check=True, text=True,
                             capture_output=True).stdout.split()
    archive = cpio.Writer()
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        archive.directory(name)
    archive.char_device("dev/console", 5, 1)
    archive.char_device("dev/null", 1, 3, 0o666)
    with open(program, "rb") as f:
        archive.file("bin/busybox", f.read(), 0o755)
    for name in applets:
        if name != "busybox":
            archive.symlink("bin/" + name, "busybox")
    with open(os.path.join(HERE, "busybox-init.sh"), "rb") as f:
        archive.file("init", f.read(), 0o755)
    os.unlink(program)
    with open(os.path.join(folder, "busybox.img"), "wb") as f:
        f.write(archive.finish())
