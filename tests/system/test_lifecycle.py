# SPDX-License-Identifier: GPL-2.0-or-later
"""How a machine ends: power-off, reset, triple fault, signals; exit codes."""

import signal

import guest
from harness import BUSYBOX, KERNEL, Failure, image, test
from status import GUEST_FAULT, RESET, STOPPED

# Smallest guests: ELF files of a few instructions, entered by multiboot in
# 32-bit protected mode.
CODE_BASE = 0x100000
TRIPLE_FAULT = bytes.fromhex(
    "0f011d00000000"            # lidt [0]: no table
    "0f0b")                     # ud2
DEBUG_EXIT_21 = bytes.fromhex("b015e6f4" "f4ebfd")  # out 0xf4, 21; hlt
RESET_CODE = bytes.fromhex(
    "baf8030000" "b052" "ee"            # 'R' on COM1
    "bafd030000" "ec" "a840" "74fb"     # wait until it is out
    "b0fe" "e664"                       # keyboard controller: reset
    "f4ebfd")
HALT = bytes.fromhex(
    "baf8030000" "b048" "ee"            # 'H' on COM1
    "f4ebfd")
SPIN = bytes.fromhex(
    "baf8030000" "b053" "ee"            # 'S' on COM1
    "ebfe")


def elf(context, name, code):
    """A multiboot ELF file with this code; returns its path."""
    header = b"".join(w.to_bytes(4, "little") for w in (
        0x1BADB002, 0, (-0x1BADB002) & 0xFFFFFFFF))
    body = header + bytes(4) + code
    offset = 0x1000
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    main = [(2, 2), (3, 2), (1, 4), (CODE_BASE + 16, 4), (52, 4), (0, 4),
            (0, 4), (52, 2), (32, 2), (1, 2), (40, 2), (0, 2), (0, 2)]
    program = [1, offset, CODE_BASE, CODE_BASE, len(body), len(body), 7,
               0x1000]
    data = ident + b"".join(v.to_bytes(n, "little") for v, n in main)
    data += b"".join(v.to_bytes(4, "little") for v in program)
    return context.file(name, data.ljust(offset, b"\0") + body)


def tiny(context, code, *args):
    """Start a guest of a few instructions."""
    return context.machine("--memory", "64M", "--kernel",
                           elf(context, "tiny.elf", code), *args)


@test("lifecycle/triple-fault", limit=30)
def triple_fault(context):
    """A triple fault has its own status and shows the registers."""
    machine = tiny(context, TRIPLE_FAULT, "--on-reset", "exit")
    machine.expect_exit(GUEST_FAULT)
    said = machine.errors.decode("utf-8", "replace").lower()
    for word in ("triple fault", "rip", "cr3"):
        if word not in said:
            raise Failure("stderr has no %r: %r" % (word, said[-300:]))


@test("lifecycle/debug-exit", limit=30)
def debug_exit(context):
    """With --debug-exit the guest's own code is the status."""
    tiny(context, DEBUG_EXIT_21, "--debug-exit").expect_exit(21)


@test("lifecycle/debug-exit-is-opt-in", limit=30)
def debug_exit_opt_in(context):
    """Without --debug-exit the port is nothing and the guest halts."""
    machine = tiny(context, DEBUG_EXIT_21)
    try:
        machine.wait(3)
    except Failure:
        return
    raise Failure("ended (%s)" % machine.status_text())


@test("lifecycle/reset-reboots", limit=30)
def reset_reboots(context):
    """A reset starts the same guest again, again and again."""
    machine = tiny(context, RESET_CODE)
    machine.expect("RRRR")


@test("lifecycle/reset-exits", limit=30)
def reset_exits(context):
    """--on-reset exit ends at the first reset."""
    machine = tiny(context, RESET_CODE, "--on-reset", "exit")
    machine.expect_exit(RESET)
    if machine.console != b"R":
        raise Failure("console is %r" % machine.console)


@test("lifecycle/second-sigterm-stops", limit=30)
def second_sigterm(context):
    """A guest that ignores the power button is stopped by the second."""
    for code, mark in ((HALT, "H"), (SPIN, "S")):
        machine = tiny(context, code)
        machine.expect(mark)
        machine.signal(signal.SIGTERM)
        try:
            machine.wait(2)
        except Failure:
            pass
        else:
            raise Failure("the first SIGTERM ended it (%s)" %
                          machine.status_text())
        machine.signal(signal.SIGTERM)
        machine.expect_exit(STOPPED, 10)


@test("lifecycle/halted-guest-costs-nothing", limit=30)
def halted_costs_nothing(context):
    """A guest in HLT uses no processor time."""
    machine = tiny(context, HALT, "--cpus", "4")
    machine.expect("H")
    before = cpu_seconds(machine.child.pid)
    try:
        machine.wait(4)
    except Failure:
        pass
    spent = cpu_seconds(machine.child.pid) - before
    if spent > 0.2:
        raise Failure("%.2f s of processor time in 4 s" % spent)


def cpu_seconds(pid):
    """Processor time that a process has used, in seconds."""
    with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


@test("lifecycle/linux-reboot", limit=200, images=(KERNEL, BUSYBOX))
def linux_reboot(context):
    """Linux reboots from inside and comes up again."""
    vmlinuz = image(*KERNEL)
    initrd = image(*BUSYBOX)
    machine = context.machine(
        "--memory", "512M", "--kernel", vmlinuz + "/vmlinuz", "--initrd",
        initrd + "/busybox.img", "--append",
        "console=ttyS0 lamina.run=true lamina.end=reboot")
    machine.expect(guest.READY)
    machine.expect("LAMINA-EXIT 0")
    machine.expect(guest.READY)
    guest.scan(machine.text())


@test("lifecycle/serial-to-file", limit=30)
def serial_to_file(context):
    """--serial FILE gets what the guest writes."""
    path = context.path("serial.log")
    machine = tiny(context, RESET_CODE, "--on-reset", "exit", "--serial", path)
    machine.expect_exit(RESET)
    with open(path, "rb") as f:
        data = f.read()
    if data != b"R" or machine.console:
        raise Failure("the file has %r, standard output %r" %
                      (data, machine.console))


@test("lifecycle/serial-none", limit=30)
def serial_none(context):
    """--serial none: nothing comes out, the guest runs all the same."""
    machine = tiny(context, RESET_CODE, "--on-reset", "exit", "--serial", "none")
    machine.expect_exit(RESET)
    if machine.console:
        raise Failure("standard output has %r" % machine.console)
