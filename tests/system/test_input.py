# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input: one clear line on stderr, the documented status, no crash."""

import os
import subprocess

from harness import KERNEL, LAMINA, Failure, Skip, add_test, image, test
from status import INPUT, USAGE
from test_lifecycle import HALT, elf

LIMIT = 20
NOBODY = 65534


def refused(context, status, word, *args):
    """`lamina run args` must be refused with status and a line with word."""
    machine = context.machine(*args)
    machine.expect_exit(status, 10)
    said = machine.errors.decode("utf-8", "replace")
    lines = [line for line in said.split("\n") if line]
    if len(lines) != 1:
        raise Failure("%d lines on stderr: %r" % (len(lines), said[:400]))
    if not lines[0].startswith("lamina"):
        raise Failure("who says it? %r" % lines[0])
    if word.lower() not in lines[0].lower():
        raise Failure("no %r in %r" % (word, lines[0]))


# name: (status, word that must be in the line, arguments)
COMMAND_LINES = {
    "unknown-option": (USAGE, "--frobnicate", ["--frobnicate"]),
    "stray-word": (USAGE, "stray", ["stray"]),
    "option-without-value": (USAGE, "--memory", ["--memory"]),
    "no-cpus": (USAGE, "0", ["--cpus", "0"]),
    "negative-cpus": (USAGE, "-1", ["--cpus", "-1"]),
    "too-many-cpus": (USAGE, "64", ["--cpus", "65"]),
    "cpus-no-number": (USAGE, "many", ["--cpus", "many"]),
    "cpus-trailing": (USAGE, "2x", ["--cpus", "2x"]),
    "no-memory": (USAGE, "0", ["--memory", "0"]),
    "little-memory": (USAGE, "16", ["--memory", "1M"]),
    "too-much-memory": (USAGE, "1T", ["--memory", "2T"]),
    "memory-overflow": (USAGE, "memory", ["--memory",
                                          "99999999999999999999G"]),
    "memory-no-number": (USAGE, "lots", ["--memory", "lots"]),
    "memory-bad-unit": (USAGE, "4Q", ["--memory", "4Q"]),
    "machine": (USAGE, "lamina-1", ["--machine", "pdp-11"]),
    "cpu-model": (USAGE, "z80", ["--cpu-model", "z80"]),
    "engine": (USAGE, "steam", ["--engine", "steam"]),
    "on-reset": (USAGE, "maybe", ["--on-reset", "maybe"]),
    "trace": (USAGE, "gossip", ["--trace", "gossip"]),
    "gdb-address": (USAGE, "nonsense", ["--firmware", "bios", "--disk",
                                        __file__, "--gdb", "nonsense"]),
    "disk-option": (USAGE, "bus=floppy", ["--disk", "/dev/null,bus=floppy"]),
}

FILE_OPTIONS = {
    "kernel": ["--kernel"],
    "initrd": ["--kernel", "GOOD", "--initrd"],
    "disk": ["--disk"],
    "cdrom": ["--cdrom"],
    "firmware": ["--firmware"],
}


def file_args(context, option, path):
    """The arguments that name path as an option's file."""
    good = elf(context, "good.elf", HALT)
    return [good if a == "GOOD" else a
            for a in FILE_OPTIONS[option]] + [path]


def missing(context, option):
    """A file that is not there."""
    refused(context, INPUT, "nowhere",
            *file_args(context, option, context.path("nowhere")))


def directory(context, option):
    """A folder where a file is wanted."""
    refused(context, INPUT, "director",
            *file_args(context, option, context.folder))


def empty(context, option):
    """A file with nothing in it."""
    refused(context, INPUT, "empty",
            *file_args(context, option, context.file("hollow")))


def no_newline_games(context, option):
    """Control characters of a file name do not reach the terminal."""
    machine = context.machine(
        *file_args(context, option, context.path("a\x1b[31m\nb")))
    machine.expect_exit(INPUT, 10)
    if b"\x1b" in machine.errors or machine.errors.count(b"\n") != 1:
        raise Failure("stderr is %r" % machine.errors[:300])


def _register():
    for name, (status, word, args) in COMMAND_LINES.items():
        add_test("input/" + name,
                 lambda c, s=status, w=word, a=tuple(args):
                 refused(c, s, w, *a), LIMIT)
    for option in FILE_OPTIONS:
        for kind in (missing, directory, empty):
            add_test("input/%s-%s" % (kind.__name__, option),
                     lambda c, k=kind, o=option: k(c, o), LIMIT)
    add_test("input/escapes-in-names",
             lambda c: no_newline_games(c, "kernel"), LIMIT)


_register()


@test("input/kernel-is-text", LIMIT)
def kernel_is_text(context):
    """A file that is no kernel of any kind."""
    path = context.file("letter.txt", b"Dear sir or madam,\n" * 1000)
    refused(context, INPUT, "letter.txt", "--kernel", path)


@test("input/kernel-cut-short", LIMIT, images=(KERNEL,))
def kernel_cut_short(context):
    """A real kernel of which only the first part is there."""
    with open(image(*KERNEL) + "/vmlinuz", "rb") as f:
        whole = f.read()
    for size in (0x201, 0x300, 0x1000, len(whole) // 2):
        path = context.file("short-%d" % size, whole[:size])
        refused(context, INPUT, os.path.basename(path), "--kernel", path)


@test("input/elf-cut-short", LIMIT)
def elf_cut_short(context):
    """An ELF file whose segment is not all there, or lies outside RAM."""
    path = elf(context, "tiny.elf", HALT)
    with open(path, "rb") as f:
        whole = f.read()
    short = context.file("cut.elf", whole[:0x1004])
    refused(context, INPUT, "cut.elf", "--kernel", short)
    far = context.file("far.elf", whole[:64] + b"\xf0\xff\xff\xff" +
                       whole[68:])
    refused(context, INPUT, "far.elf", "--memory", "64M", "--kernel", far)


@test("input/initrd-too-big", LIMIT, images=(KERNEL,))
def initrd_too_big(context):
    """An initrd that does not fit into the guest's memory."""
    path = context.file("huge.img", b"x")
    os.truncate(path, 300 << 20)
    refused(context, INPUT, "memory", "--memory", "128M", "--kernel",
            image(*KERNEL) + "/vmlinuz", "--initrd", path)


@test("input/append-too-long", LIMIT, images=(KERNEL,))
def append_too_long(context):
    """A command line longer than the kernel takes."""
    refused(context, USAGE, "--append", "--kernel",
            image(*KERNEL) + "/vmlinuz", "--append", "a" * 70000)


@test("input/initrd-without-kernel", LIMIT)
def initrd_without_kernel(context):
    """--initrd and --append mean nothing without --kernel."""
    path = context.file("some.img", b"x" * 512)
    refused(context, USAGE, "--kernel", "--initrd", path)
    refused(context, USAGE, "--kernel", "--append", "quiet")


@test("input/disk-in-use", 30)
def disk_in_use(context):
    """A disk that another machine has open for writing."""
    disk = context.file("disk.img", bytes(1 << 20))
    kernel = elf(context, "tiny.elf", HALT)
    first = context.machine("--memory", "64M", "--kernel", kernel,
                            "--disk", disk)
    first.expect("H")
    refused(context, INPUT, "another virtual machine", "--memory", "64M", "--kernel", kernel,
            "--disk", disk)


@test("input/disk-shared-readonly", 30)
def disk_shared_readonly(context):
    """Two machines may read one disk if both have it read-only."""
    disk = context.file("disk.img", bytes(1 << 20))
    kernel = elf(context, "tiny.elf", HALT)
    for _ in range(2):
        machine = context.machine("--memory", "64M", "--kernel", kernel,
                                  "--disk", disk + ",readonly")
        machine.expect("H")


@test("input/unreadable-kernel", LIMIT)
def unreadable_kernel(context):
    """A file that this user may not read."""
    path = elf(context, "secret.elf", HALT)
    os.chmod(path, 0)
    if os.geteuid() != 0:
        refused(context, INPUT, "permission", "--kernel", path)
        return
    # Root may read everything: be nobody.
    probe = subprocess.run(["setpriv", "--reuid", str(NOBODY),
                            "--clear-groups", "test", "-x", LAMINA],
                           check=False)
    if probe.returncode:
        raise Skip("as root, and nobody cannot reach the program")
    run = subprocess.run(["setpriv", "--reuid", str(NOBODY), "--clear-groups",
                          LAMINA, "run", "--kernel", path],
                         capture_output=True, timeout=10, check=False)
    if run.returncode != INPUT or b"ermission" not in run.stderr or \
            run.stderr.count(b"\n") != 1:
        raise Failure("status %d, stderr %r" % (run.returncode, run.stderr))
