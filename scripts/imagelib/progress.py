# SPDX-License-Identifier: GPL-2.0-or-later
"""Progress of a long job: a moving bar on a terminal, terse lines elsewhere.

A job is a list of (text, weight) stages; weights are rough seconds. Inside a
stage the bar creeps on with time and never overtakes the stage's end.
"""

import math
import os
import sys
import threading
import time

BAR_WIDTH = 24


class Progress:
    """Use as a context manager; call stage() when the next stage begins."""

    def __init__(self, title, stages, out=sys.stderr):
        self.title = title
        self.stages = stages
        self.total = float(sum(weight for _, weight in stages))
        self.out = out
        self.live = out.isatty() and os.environ.get("TERM") != "dumb"
        self.index = -1
        self.begun = self.stage_begun = time.monotonic()
        self.stop = threading.Event()
        self.thread = None

    def __enter__(self):
        self._line(self.title)
        if self.live:
            self.thread = threading.Thread(target=self._animate, daemon=True)
            self.thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stop.set()
        if self.thread:
            self.thread.join()
            self.out.write("\r\033[K")
        if kind is None:
            self._line("%s: done in %d s" % (
                self.title, time.monotonic() - self.begun))

    def stage(self, text):
        """The stage with this text begins."""
        texts = [t for t, _ in self.stages]
        if text not in texts or texts.index(text) <= self.index:
            return
        self.index = texts.index(text)
        self.stage_begun = time.monotonic()
        if not self.live:
            self._line("  [%d/%d] %s" % (self.index + 1, len(texts), text))

    def _line(self, text):
        self.out.write(text + "\n")
        self.out.flush()

    def _share(self):
        if self.index < 0:
            return 0.0
        before = sum(weight for _, weight in self.stages[:self.index])
        weight = self.stages[self.index][1]
        spent = time.monotonic() - self.stage_begun
        return (before + weight * (1 - math.exp(-spent / weight))) / self.total

    def _animate(self):
        while not self.stop.wait(0.2):
            share = self._share()
            filled = int(share * BAR_WIDTH)
            text = self.stages[max(self.index, 0)][0]
            self.out.write("\r\033[K  [%s%s] %3d%%  %4d s  %s" % (
                "#" * filled, "." * (BAR_WIDTH - filled), share * 100,
                time.monotonic() - self.begun, text))
            self.out.flush()
