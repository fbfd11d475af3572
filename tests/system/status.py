# SPDX-License-Identifier: GPL-2.0-or-later
"""Exit statuses of `lamina run`, as documented in lamina-run(1)."""

OFF = 0             # the guest powered off
USAGE = 2           # the command line makes no sense
INPUT = 3           # a file that cannot be used
HOST = 4            # the host refused something
GUEST_FAULT = 5     # triple fault
SANDBOX = 6         # --sandbox strict and a piece is missing
WORKER_DIED = 7     # the process of the machine was killed, or crashed
RESET = 8           # a reset with --on-reset exit
STOPPED = 9         # by the second SIGTERM or the escape key
# With --debug-exit: the byte that the guest wrote.
