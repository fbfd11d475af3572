# SPDX-License-Identifier: GPL-2.0-or-later
"""The serial line on a terminal: escape key, raw mode, what is shown."""

import os
import re
import termios
import time

from harness import Failure, test
from status import STOPPED
from test_lifecycle import HALT, cpu_seconds, elf

# Echoes what it receives on COM1, each byte plus one.
ECHO = bytes.fromhex(
    "baf8030000" "b03e" "ee"                    # '>' on COM1
    "bafd030000" "ec" "a801" "74fb"             # wait for a byte
    "baf8030000" "ec" "fec0" "ee"               # read, add one, write
    "ebeb")

COOKED = termios.ECHO | termios.ICANON


def start(context, code, tty=True):
    """A tiny guest on a terminal."""
    return context.machine("--memory", "64M", "--kernel",
                           elf(context, "tiny.elf", code), tty=tty)


def escape_key(machine):
    """The escape key that is shown at the start, and the key that its help
    shows for stopping at once, as bytes."""
    machine.expect_error("escape key")
    match = re.search(r"escape key: Ctrl-(.)", machine.errors.decode())
    if not match:
        raise Failure("no escape key is shown at the start")
    prefix = bytes([ord(match[1]) & 0x1F])
    machine.send(prefix + b"h")
    machine.expect_error("this help")
    match = re.search(r"\b(\w) stop", machine.errors.decode())
    if not match:
        raise Failure("the help shows no key to stop: %r" % machine.errors)
    return prefix, match[1].encode()


@test("console/escape-key-stops", limit=30)
def escape_stops(context):
    """The escape key shown at start ends the machine."""
    machine = start(context, HALT)
    machine.expect("H")
    prefix, key = escape_key(machine)
    machine.send(prefix + key)
    machine.expect_exit(STOPPED, 10)


@test("console/echo", limit=30)
def echo(context):
    """Keys reach the guest one by one, with no line editing of the host."""
    machine = start(context, ECHO)
    machine.expect(">")
    for key, wanted in (("a", "b"), ("\x03", "\x04"), ("\r", "\x0e")):
        machine.send(key)
        machine.expect(wanted, limit=5)


@test("console/escape-key-itself", limit=30)
def escape_itself(context):
    """The prefix typed twice reaches the guest once."""
    machine = start(context, ECHO)
    machine.expect(">")
    prefix, _ = escape_key(machine)
    machine.send(prefix + prefix)
    machine.expect(bytes([prefix[0] + 1]), limit=5)


@test("console/terminal-is-restored", limit=30)
def restored(context):
    """However it ends, the terminal's settings are as before."""
    machine = start(context, HALT)
    machine.expect("H")
    # Held open: a terminal that nobody has open forgets its settings.
    terminal = os.open(machine.terminal, os.O_RDWR | os.O_NOCTTY)
    try:
        if termios.tcgetattr(terminal)[3] & COOKED:
            raise Failure("the terminal is not raw while the guest runs")
        prefix, key = escape_key(machine)
        machine.send(prefix + key)
        machine.expect_exit(STOPPED, 10)
        if termios.tcgetattr(terminal)[3] & COOKED != COOKED:
            raise Failure("the terminal stays raw")
    finally:
        os.close(terminal)


@test("console/closed-stdin", limit=30)
def closed_stdin(context):
    """Standard input at its end is no reason to stop or to spin."""
    machine = start(context, HALT, tty=False)
    machine.expect("H")
    machine.child.stdin.close()
    time.sleep(1)
    if machine.child.poll() is not None:
        raise Failure("ended (%s)" % machine.status_text())
    before = cpu_seconds(machine.child.pid)
    time.sleep(2)
    spent = cpu_seconds(machine.child.pid) - before
    if spent > 0.2:
        raise Failure("%.2f s of processor time in 2 s" % spent)
