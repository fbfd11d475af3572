# SPDX-License-Identifier: GPL-2.0-or-later
"""What guests say: the prompt, the end, and words that mean trouble."""

import re

from harness import Failure

READY = "LAMINA-BUSYBOX-READY"
LOGIN = " login: "
PROMPT = "LAMINA# "
# Terminal escapes, and lines that the guest's kernel throws in.
NOISE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|^\[ *\d+\.\d+\].*\n", re.M)

# A boot with one of these in its log does not count.
TROUBLE = re.compile("|".join([
    r"rcu.*(stall|starved)", r"soft lockup", r"hard LOCKUP",
    r"TSC unstable", r"[Mm]arking (TSC|clocksource).*unstable",
    r"\bWARNING: ", r"cut here", r"\bBUG: ", r"\bOops: ", r"Kernel panic",
    r"Call Trace:", r"blocked for more than", r"nobody cared",
    r"unchecked MSR access", r"general protection fault", r"segfault at",
    r"traps: .* trap", r"[Uu]nknown NMI", r"dazed and confused",
    r"ata\d.*(failed command|exception Emask|lost interrupt)", r"I/O error",
    r"[Ss]purious.*interrupt", r"double fault", r"invalid opcode",
    r"Failed to start ", r"Dependency failed", r"emergency mode",
]))


def scan(text):
    """Fail on the first line of a console log that means trouble."""
    for line in text.split("\n"):
        if TROUBLE.search(line):
            raise Failure("the guest's log has: %s" % line.strip()[:200])


def log_in(machine):
    """From the login prompt to a plain root shell that does not echo."""
    machine.expect(LOGIN)
    machine.send("root\n")
    machine.expect(":~# ")
    # The quotes keep the prompt's text out of the echo of this line.
    machine.send("stty -echo; exec env TERM=dumb PS1='LAMINA''# ' sh\n")
    machine.expect(PROMPT)


def command(machine, text, limit=None):
    """Run a command in the guest's shell; returns what it printed."""
    begun = len(machine.console)
    machine.send(text + "; echo =STATUS=$?=\n")
    machine.expect("=STATUS=", limit=limit)
    machine.expect(PROMPT, limit=limit)
    said = machine.console[begun:].decode("utf-8", "replace")
    said = NOISE.sub("", said.replace("\r", ""))
    output, _, rest = said.partition("=STATUS=")
    status = int(rest.split("=")[0])
    if status:
        raise Failure("in the guest, `%s` gave %d: %s" %
                      (text, status, output.strip()[-200:]))
    return output
