# SPDX-License-Identifier: GPL-2.0-or-later
"""Debugging a guest from outside: the debugger stub, dumps, NMI."""

import shutil
import signal
import socket
import subprocess
import time

from harness import Failure, Skip, test
from test_lifecycle import HALT, SPIN, tiny

# A counter in EBX, for ever, at a known address.
COUNT = bytes.fromhex("31db" "43" "ebfd")
LOOP = 0x100000 + 16 + 2


class Debugger:
    """The smallest client of the remote protocol."""

    def __init__(self, path, seconds=20):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(seconds)
        end = time.monotonic() + seconds
        while True:
            try:
                self.sock.connect(path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self.data = b""

    def send(self, text):
        """One packet, without waiting for the answer."""
        body = text.encode()
        self.sock.sendall(b"$%s#%02x" % (body, sum(body) & 0xff))

    def answer(self):
        """The next packet that arrives."""
        while True:
            start = self.data.find(b"$")
            end = self.data.find(b"#", start)
            if start >= 0 and end >= 0 and len(self.data) >= end + 3:
                body = self.data[start + 1:end]
                self.data = self.data[end + 3:]
                self.sock.sendall(b"+")
                return body.decode()
            more = self.sock.recv(65536)
            if not more:
                raise Failure("the stub hung up")
            self.data += more

    def ask(self, text):
        """Send and get the answer."""
        self.send(text)
        return self.answer()

    def register(self, number):
        """A 64-bit register by its place in the g packet."""
        regs = bytes.fromhex(self.ask("g"))
        return int.from_bytes(regs[8 * number:8 * number + 8], "little")


RBX, RIP = 1, 16


def stopped_guest(context, code):
    """A tiny guest that waits for the debugger, and the debugger."""
    path = context.path("gdb")
    machine = tiny(context, code, "--gdb", "unix:" + path)
    return machine, Debugger(path)


def must(what, is_so):
    """Fail with words."""
    if not is_so:
        raise Failure(what)


@test("debug/step-and-break", limit=40)
def step_and_break(context):
    """Single steps, breakpoints, registers and memory."""
    _, gdb = stopped_guest(context, COUNT)
    must("is not stopped at first", gdb.ask("?").startswith("T05"))
    begin = gdb.register(RIP)
    must("a step does not stop", gdb.ask("vCont;s:1").startswith("T05"))
    must("a step is not one instruction", gdb.register(RIP) == begin + 2)
    must("breakpoint refused", gdb.ask("Z1,%x,1" % LOOP) == "OK")
    for count in range(3):
        must("no stop at the breakpoint", gdb.ask("c").startswith("T05"))
        must("stopped elsewhere", gdb.register(RIP) == LOOP)
        must("count is %d, not %d" % (gdb.register(RBX), count),
             gdb.register(RBX) == count)
    must("memory reads wrong", gdb.ask("m%x,3" % LOOP) == "43ebfd")
    must("memory write", gdb.ask("M%x,1:90" % LOOP) == "OK")
    must("memory reads wrong", gdb.ask("m%x,1" % LOOP) == "90")
    must("unreadable memory is readable",
         gdb.ask("m10000000,4").startswith("E"))


@test("debug/interrupt", limit=40)
def interrupt(context):
    """Ctrl-C stops a running guest; written code is what runs."""
    _, gdb = stopped_guest(context, COUNT)
    gdb.send("c")
    time.sleep(0.3)
    gdb.sock.sendall(b"\x03")
    must("does not stop", gdb.answer().startswith("T05"))
    first = gdb.register(RBX)
    must("has not run", first > 0)
    gdb.ask("M%x,1:90" % LOOP)
    gdb.send("c")
    time.sleep(0.3)
    gdb.sock.sendall(b"\x03")
    must("does not stop", gdb.answer().startswith("T05"))
    second = gdb.register(RBX)
    must("old code still runs", second - first <= 1)


@test("debug/hostile-packets", limit=40)
def hostile_packets(context):
    """Garbage gets an error or silence; the machine lives on."""
    machine, gdb = stopped_guest(context, HALT)
    for text in ("", "g" * 3000, "m", "m,", "mffffffffffffffff,ffffffff",
                 "M0,1", "M0,ffffffff:00", "G00", "Z9,0,0", "Z0,",
                 "Hgffff", "vCont;s:ffff;q", "qRcmd,zz",
                 "qXfer:features:read:target.xml:ffffffff,ffffffff",
                 "P", "X0,4:\x7f", "vCont?"):
        gdb.ask(text) if not text.startswith("vCont;") else gdb.send(text)
    gdb.sock.sendall(b"\x03$" + b"A" * 9000)
    gdb.sock.close()
    machine.expect("H")
    must("has ended", machine.child.poll() is None)


@test("debug/gdb", limit=60)
def real_gdb(context):
    """GDB itself understands the description and the answers."""
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed")
    path = context.path("gdb")
    tiny(context, COUNT, "--gdb", "unix:" + path, "--cpus", "2")
    end = time.monotonic() + 20
    commands = ["target remote " + path, "stepi", "info registers rip xmm0",
                "info threads", "hbreak *%d" % LOOP, "continue",
                "print $ebx", "print $cr0", "monitor nmi", "detach"]
    args = ["gdb", "-q", "-batch", "-nx", "-ex", "set confirm off"]
    for one in commands:
        args += ["-ex", one]
    while True:
        run = subprocess.run(args, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             timeout=40, check=False)
        if "No such file" not in run.stdout or time.monotonic() > end:
            break
        time.sleep(0.2)
    for wanted in ("virtual processor", "Breakpoint 1,", "xmm0 ", "$1 = 1",
                   "Thread 2"):
        must("gdb does not say %r: %s" % (wanted, run.stdout[-600:]),
             wanted in run.stdout)


@test("debug/dump", limit=60)
def dump(context):
    """SIGUSR2 writes a core that readelf and gdb can read; big memory that
    was never touched costs nothing."""
    path = context.path("core")
    machine = tiny(context, SPIN, "--dump", path, "--memory", "8G")
    machine.expect("S")
    machine.signal(signal.SIGUSR2)
    end = time.monotonic() + machine.left(30)
    while b"written" not in machine.errors:
        must("no dump is written: %r" % machine.errors,
             time.monotonic() < end)
        time.sleep(0.1)
    with open(path, "rb") as core:
        head = core.read(64)
    must("is no ELF core", head[:4] == b"\x7fELF" and head[16] == 4)
    blocks = subprocess.run(["stat", "-c", "%b", path], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    must("the dump is not sparse: %s blocks" % blocks.strip(),
         int(blocks) < 200000)
    if not shutil.which("readelf"):
        raise Skip("binutils are not installed")
    text = subprocess.run(["readelf", "-ln", path], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    for wanted in ("NT_PRSTATUS", "LOAD", "QEMU"):
        must("readelf does not say %r" % wanted, wanted in text)
