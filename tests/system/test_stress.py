# SPDX-License-Identifier: GPL-2.0-or-later
"""stress-ng in a guest, checking its own results: long, for the soaks."""

import guest
from harness import Failure, image, test

DEBIAN = ("debian", "--with", "stress-ng")
# stress-ng's name for a family of stressors, and what to ask of it.
LOADS = (
    ("cpu", "--cpu 2 --cpu-method all"),
    ("memory", "--memcpy 1 --memrate 1 --bsearch 1 --qsort 1 --stream 1"),
    ("vm", "--vm 2 --vm-bytes 64M --vm-method all"),
    ("switching", "--switch 1 --fork 1 --pthread 1 --futex 1 --fault 1"),
    ("vectors", "--vecmath 1 --vecwide 1 --matrix 1 --crypt 1"),
)
SECONDS = 30


@test("stress/stress-ng", limit=900, soak=True, images=(DEBIAN,))
def stress_ng(context):
    """Each family for half a minute on two processors, with --verify."""
    folder = image(*DEBIAN)
    with open(folder + "/cmdline", encoding="utf-8") as f:
        append = f.read().strip()
    machine = context.machine(
        "--cpus", "2", "--memory", "1G", "--disk",
        context.copy_disk(folder + "/disk.img") + ",bus=ide", "--kernel",
        folder + "/vmlinuz", "--initrd", folder + "/initrd.img", "--append",
        append)
    guest.log_in(machine)
    for name, load in LOADS:
        said = guest.command(
            machine, "stress-ng --verify --timeout %d %s" % (SECONDS, load),
            limit=180)
        if "unsuccessful" in said or "fail" in said:
            raise Failure("%s: %s" % (name, said.strip()[-300:]))
    guest.scan(machine.text())
