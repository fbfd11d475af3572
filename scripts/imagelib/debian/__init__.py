# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian disk, straight from Debian's packages.

mmdebstrap makes a tar archive of the system (packages plus the tree in
files/), and finish() turns that into disk.img, vmlinuz, initrd.img and
cmdline. Both run as root or, for anyone else, in a user namespace.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from .. import apt, disk
from ..places import ImageError, recipe_hash
from ..progress import Progress
from ..small import KERNELS

HERE = os.path.dirname(os.path.realpath(__file__))
DISK_SIZE = 3 << 30
LABEL = "lamina"
UUID = "6c616d69-6e61-4d00-8000-000000000001"
CMDLINE = "root=LABEL=%s ro console=tty0 console=ttyS0,115200" % LABEL

PACKAGES = [
    "systemd", "systemd-sysv", "udev", "dbus", "libpam-systemd", "login",
    "passwd", "openssh-server", "hyperv-daemons", "initramfs-tools", "lz4",
    "kmod", "iproute2", "iputils-ping", "procps", "less", "ca-certificates",
    "grub-pc-bin",
]

GRUB_MODULES = [
    "biosdisk", "part_msdos", "ext2", "normal", "configfile", "linux",
    "serial", "terminal", "echo", "ls", "cat", "test", "search", "reboot",
    "halt", "minicmd", "boot",
]

# No manuals, documents (but licences) or translations.
DPKG_OPTIONS = [
    "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright", "force-unsafe-io",
]

# Jobs for machines that stay: they only make a short run slower.
MASKED = [
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
    "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
    "systemd-networkd-wait-online.service",
]

# mmdebstrap's own words for where it is, our words, rough seconds.
STAGES = [
    ("running apt-get update", "reading the package lists", 2),
    ("downloading packages", "fetching the base system", 3),
    ("extracting archives", "unpacking the base system", 5),
    ("installing essential", "setting up the base system", 10),
    ("installing remaining", "installing packages", 25),
    ("running --customize-hook", "configuring", 3),
    ("creating tarball", "packing", 3),
    (None, "writing the disk", 8),
]


def _hooks():
    commands = "; ".join([
        'chroot "$1" passwd -q -d root',
        'chroot "$1" systemctl -q enable systemd-networkd ssh',
        'chroot "$1" systemctl -q mask ' + " ".join(MASKED),
        'cp "$1"/usr/lib/grub/i386-pc/boot.img "$1"/boot/grub/',
        'chroot "$1" grub-mkimage -O i386-pc -o /boot/grub/core.img '
        '-p "(,msdos1)/boot/grub" ' + " ".join(GRUB_MODULES),
        'rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap',
        'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin',
        'rm -f "$1"/etc/resolv.conf',
    ])
    return [
        "--essential-hook=sync-in %s /" % os.path.join(HERE, "files"),
        "--customize-hook=set -e; " + commands,
    ]


def _acquire_options():
    """How this machine's apt reaches its mirror (proxy and the like)."""
    run = subprocess.run(
        ["apt-config", "dump", "--no-empty", "--format", "%f \"%v\";%n",
         "Acquire"], capture_output=True, text=True, check=False)
    keep = ("Acquire::http", "Acquire::https", "Acquire::Check")
    return [line for line in run.stdout.splitlines() if line.startswith(keep)]


def _run_mmdebstrap(tar, suite, packages, progress, log):
    command = ["mmdebstrap", "--variant=minbase", "--architectures=amd64",
               "--include=" + ",".join(packages),
               "--aptopt=Apt::Install-Recommends \"false\""]
    command += ["--aptopt=" + line for line in _acquire_options()]
    command += ["--dpkgopt=" + option for option in DPKG_OPTIONS]
    command += _hooks() + [suite, tar, "-"]
    env = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    with subprocess.Popen(command, stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, env=env) as child:
        child.stdin.write("\n".join(apt.sources(suite)) + "\n")
        child.stdin.close()
        for line in child.stderr:
            log.write(line)
            log.flush()
            for words, text, _ in STAGES:
                if words and words in line:
                    progress.stage(text)
    if child.returncode:
        raise ImageError("mmdebstrap failed; its output is in %s" % log.name)


def _as_root(command):
    """command, in a user namespace if we are not root already."""
    if os.geteuid() == 0:
        return command
    return ["unshare", "--map-root-user", "--map-auto", "--"] + command


def finish(tar, out):
    """Unpack tar and write disk.img, vmlinuz and initrd.img into out."""
    with tempfile.TemporaryDirectory(dir=out, prefix="tree-") as tree:
        os.chmod(tree, 0o755)
        # Device nodes cannot be made in a user namespace; devtmpfs has them.
        subprocess.run(["tar", "-x", "--numeric-owner", "--exclude=./dev/*",
                        "-f", tar, "-C", tree], check=True)
        # With an identity and these stamps, systemd does not think that this
        # is the first boot ever, or the first after an update of /usr.
        with open(os.path.join(tree, "etc/machine-id"), "w",
                  encoding="utf-8") as f:
            f.write(UUID.replace("-", "") + "\n")
        for name in ("etc/.updated", "var/.updated"):
            with open(os.path.join(tree, name), "w", encoding="utf-8"):
                pass
        for name in ("vmlinuz", "initrd.img"):
            link = os.readlink(os.path.join(tree, name))
            shutil.copyfile(os.path.join(tree, link.lstrip("/")),
                            os.path.join(out, name))
        disk.build(os.path.join(out, "disk.img"), DISK_SIZE, tree, LABEL,
                   UUID)


def _build(folder, suite, kernel, extra):
    packages = PACKAGES + [KERNELS[kernel]] + extra
    title = "Preparing Debian %s (%s kernel), once" % (suite, kernel)
    tar = os.path.join(folder, "system.tar")
    keep = os.path.join(os.path.dirname(folder), "last-build.log")
    with Progress(title, [(t, w) for _, t, w in STAGES]) as progress, \
            open(keep, "w", encoding="utf-8") as log:
        _run_mmdebstrap(tar, suite, packages, progress, log)
        progress.stage("writing the disk")
        image = os.path.join(os.path.dirname(os.path.dirname(HERE)), "image")
        run = subprocess.run(
            _as_root([sys.executable, image, "finish", tar, folder]),
            stderr=subprocess.PIPE, text=True, check=False)
        if run.returncode:
            raise ImageError("making the disk failed:\n" + run.stderr)
        os.unlink(tar)
    with open(os.path.join(folder, "cmdline"), "w", encoding="utf-8") as f:
        f.write(CMDLINE + "\n")
    with open(os.path.join(folder, "info.json"), "w", encoding="utf-8") as f:
        json.dump({"suite": suite, "kernel": kernel, "packages": packages,
                   "built": int(time.time())}, f, indent=1)


def obtain(suite, kernel, extra, refresh, obtain_folder):
    """The folder with the disk; built if it is not in the cache."""
    name = "debian-%s-%s-%s" % (suite, kernel,
                                recipe_hash(suite, kernel, extra))
    return obtain_folder(name, refresh,
                         lambda folder: _build(folder, suite, kernel, extra))
