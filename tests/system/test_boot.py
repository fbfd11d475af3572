# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of boots: stock kernels and Debian disks, by every way in.

`make test` runs the rows that are not marked soak; `make soak-boot` draws
from all of them.
"""

import signal

import guest
from harness import BUSYBOX, Failure, add_test, image

SUITES = ("bookworm", "trixie")
KERNELS = ("cloud", "generic")
CPUS = (1, 2, 4)
WAYS = ("kernel", "bios")

BUSYBOX_LIMIT = 150
DEBIAN_LIMIT = 480

# The rows of `make test`; each suite, kernel, way and number of processors
# is in one of them.
QUICK_BUSYBOX = {("bookworm", "cloud", 1), ("bookworm", "cloud", 2),
                 ("bookworm", "cloud", 4), ("bookworm", "generic", 1),
                 ("trixie", "cloud", 2), ("trixie", "generic", 1)}
QUICK_DEBIAN = {("bookworm", "cloud", 2, "kernel"),
                ("bookworm", "cloud", 1, "bios")}

BUSYBOX_COMMAND = "grep -c ^processor /proc/cpuinfo; " \
    "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"


def kernel_image(suite, kernel):
    """image() arguments for a stock kernel."""
    return ("kernel", "--suite", suite, "--kernel", kernel)


def debian_image(suite, kernel):
    """image() arguments for a Debian disk."""
    return ("debian", "--suite", suite, "--kernel", kernel)


def busybox(context, suite, kernel, cpus):
    """A stock kernel with the busybox initramfs: runs a command, ends."""
    vmlinuz = image(*kernel_image(suite, kernel))
    initrd = image(*BUSYBOX)
    machine = context.machine(
        "--cpus", cpus, "--memory", "512M", "--kernel", vmlinuz + "/vmlinuz",
        "--initrd", initrd + "/busybox.img", "--append",
        "console=ttyS0 lamina.run=\"%s\"" % BUSYBOX_COMMAND)
    machine.expect(guest.READY)
    machine.expect("LAMINA-EXIT 0")
    machine.expect_exit(0, 60)
    text = machine.text()
    guest.scan(text)
    said = text.split(guest.READY)[1].split("LAMINA-EXIT")[0]
    lines = [l for l in said.strip().split("\n") if not l.startswith("[")]
    if str(cpus) not in lines:
        raise Failure("%d processors given, the guest says %r" %
                      (cpus, lines))


def debian_machine(context, suite, kernel, cpus, way):
    """Start Debian from a working copy of its disk."""
    folder = image(*debian_image(suite, kernel))
    args = ["--cpus", cpus, "--memory", "1G",
            "--disk", context.copy_disk(folder + "/disk.img") + ",bus=ide"]
    if way == "bios":
        args += ["--firmware", "bios"]
    else:
        with open(folder + "/cmdline", encoding="utf-8") as f:
            append = f.read().strip()
        args += ["--kernel", folder + "/vmlinuz",
                 "--initrd", folder + "/initrd.img", "--append", append]
    return context.machine(*args)


def debian(context, suite, kernel, cpus, way):
    """Debian to the login prompt, in, a look around, power button, off."""
    machine = debian_machine(context, suite, kernel, cpus, way)
    guest.log_in(machine)
    found = guest.command(machine, "nproc").split()
    if found != [str(cpus)]:
        raise Failure("%d processors given, nproc says %r" % (cpus, found))
    failed = guest.command(
        machine, "systemctl --failed --no-legend --plain").strip()
    if failed:
        raise Failure("failed units: %s" % failed)
    machine.signal(signal.SIGTERM)
    machine.expect_exit(0, 150)
    guest.scan(machine.text())


def debian_name(suite, kernel, cpus, way):
    """A row's name."""
    return "boot/debian-%s-%s-%s-%dcpu" % (suite, kernel, way, cpus)


def debian_rows():
    """All rows of the table of Debian boots."""
    return [(s, k, c, w) for s in SUITES for k in KERNELS for w in WAYS
            for c in CPUS]


def _register():
    for suite in SUITES:
        for kernel in KERNELS:
            for cpus in CPUS:
                row = (suite, kernel, cpus)
                add_test("boot/busybox-%s-%s-%dcpu" % row,
                         lambda context, row=row: busybox(context, *row),
                         BUSYBOX_LIMIT, soak=row not in QUICK_BUSYBOX,
                         images=(kernel_image(suite, kernel), BUSYBOX))
    for row in debian_rows():
        add_test(debian_name(*row),
                 lambda context, row=row: debian(context, *row),
                 DEBIAN_LIMIT, soak=row not in QUICK_DEBIAN,
                 images=(debian_image(*row[:2]),))


_register()
