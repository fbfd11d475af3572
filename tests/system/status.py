# SPDX-License-Identifier: GPL-2.0-or-later
"""Exit statuses of `lamina run`, as documented in lamina-run(1)."""

OFF = 0             # the guest powered off, or reset with --on-reset exit
USAGE = 2           # the command line makes no sense
HOST = 3            # the host refused something: file, memory, descriptor
GUEST_FAULT = 4     # triple fault
SANDBOX = 5         # --sandbox strict and a piece is missing
STOPPED = 6         # stopped hard, by the second SIGTERM or the escape key


def DEBUG_EXIT(value):  # pylint: disable=invalid-name
    """Status for a byte that the guest wrote to the debug-exit port."""
    return ((value << 1) | 1) & 0xFF
