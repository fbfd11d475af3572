# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs `lamina run` as a user would, and the small frame for tests of it.

A test is a function with the decorator @test; it raises Failure or Skip, or
returns. Tests get nothing but a Context: a scratch folder, the program, and
Machines, which are all ended when the test ends, however it ends.
"""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
LAMINA = os.environ.get("LAMINA") or os.path.join(
    ROOT, os.environ.get("BUILD", "build"), "bin", "lamina")
# Run every machine on another engine than the default.
ENGINE = ["--engine", os.environ["LAMINA_ENGINE"]] \
    if os.environ.get("LAMINA_ENGINE") else []


class Failure(Exception):
    """The test found something wrong; the text says what."""


class Skip(Exception):
    """The test cannot run here; the text says why."""


class Test:
    """One entry of the table of tests."""

    def __init__(self, name, function, limit, soak, images):
        self.name = name
        self.function = function
        self.limit = limit
        self.soak = soak
        self.images = images


TESTS = []
# Machines that run now; ended also when the test run is told to stop.
LIVE = set()


def add_test(name, function, limit, soak=False, images=()):
    """Put a test into the table; soak ones do not run in `make test`.

    images are the image() arguments it will use: they are made before the
    tests start, so that no test's time goes into that."""
    assert all(t.name != name for t in TESTS), name
    TESTS.append(Test(name, function, limit, soak, images))


def test(name, limit, soak=False, images=()):
    """Decorator for a test that takes up to limit seconds."""
    def register(function):
        add_test(name, function, limit, soak, images)
        return function
    return register


class Machine:
    """A running `lamina run`, its console and what it said on stderr."""

    def __init__(self, args, log, deadline, tty=False):
        self.deadline = deadline
        self.log = log
        self.console = b""
        self.errors = b""
        self._seen = 0
        self._changed = threading.Condition()
        self._open = 2
        self._master = None
        self.terminal = None
        self._start([LAMINA, "run", *ENGINE, *args], tty)

    def _start(self, cmd, tty):
        if tty:
            self._master, slave = pty.openpty()
            self.terminal = os.ttyname(slave)
            ends = {"stdin": slave, "stdout": slave}
        else:
            ends = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        # A session of its own: nothing typed or signalled reaches it but by
        # the test. It dies with the test, even if that is killed.
        self.child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *cmd],
                                      stderr=subprocess.PIPE,
                                      start_new_session=True, **ends)
        LIVE.add(self)
        if tty:
            os.close(slave)
            source = self._master
        else:
            source = self.child.stdout.fileno()
        self.begun = time.monotonic()
        for number, name in ((source, "console"),
                             (self.child.stderr.fileno(), "errors")):
            threading.Thread(target=self._pump, args=(number, name),
                             daemon=True).start()

    def _pump(self, number, name):
        while True:
            try:
                data = os.read(number, 65536)
            except OSError:
                data = b""
            with self._changed:
                if data:
                    setattr(self, name, getattr(self, name) + data)
                    self.log.write(data)
                    self.log.flush()
                else:
                    self._open -= 1
                self._changed.notify_all()
            if not data:
                return

    def left(self, limit=None):
        """Seconds that may still be spent, at most limit of them."""
        left = self.deadline - time.monotonic()
        return max(0.0, left if limit is None else min(left, limit))

    def text(self):
        """Console so far, as text."""
        return self.console.decode("utf-8", "replace").replace("\r", "")

    def expect(self, *wanted, limit=None):
        """Wait until one of wanted appears on the console after what an
        earlier expect() took; returns that one."""
        wanted = [w.encode() if isinstance(w, str) else w for w in wanted]
        end = time.monotonic() + self.left(limit)
        with self._changed:
            while True:
                for one in wanted:
                    at = self.console.find(one, self._seen)
                    if at >= 0:
                        self._seen = at + len(one)
                        return one.decode()
                names = " or ".join(repr(w.decode()) for w in wanted)
                if self._open == 0:
                    raise Failure("ended (%s) before %s appeared; %s" % (
                        self.status_text(), names, self.tail()))
                if not self._changed.wait(end - time.monotonic()) and \
                        time.monotonic() >= end:
                    raise Failure("no %s within %d s; %s" % (
                        names, time.monotonic() - self.begun, self.tail()))

    def expect_error(self, wanted, limit=10):
        """Wait until wanted appears on standard error."""
        end = self.left(limit)
        with self._changed:
            if not self._changed.wait_for(
                    lambda: wanted.encode() in self.errors, end):
                raise Failure("no %r on stderr; %s" % (wanted, self.tail()))

    def tail(self):
        """The last words of console and stderr, for a reason text."""
        lines = [line for line in self.text().split("\n") if line.strip()]
        errors = self.errors.decode("utf-8", "replace").strip()
        return "console ends %r, stderr %r" % (
            lines[-1][-160:] if lines else "", errors[-300:])

    def send(self, text):
        """Type text on the console."""
        data = text.encode() if isinstance(text, str) else text
        if self._master is not None:
            os.write(self._master, data)
        else:
            self.child.stdin.write(data)
            self.child.stdin.flush()

    def signal(self, number):
        """Send a signal to the program."""
        self.child.send_signal(number)

    def status_text(self):
        """How the program ended, in words."""
        try:
            status = self.child.wait(5)
        except subprocess.TimeoutExpired:
            return "still running"
        if status < 0:
            return "signal %s" % signal.Signals(-status).name
        return "status %d" % status

    def wait(self, limit=None):
        """Wait for the end; returns the exit status."""
        try:
            status = self.child.wait(self.left(limit))
        except subprocess.TimeoutExpired:
            raise Failure("did not end within %d s; %s" % (
                time.monotonic() - self.begun, self.tail())) from None
        with self._changed:
            # Someone who inherited the descriptors may hold them open.
            self._changed.wait_for(lambda: self._open == 0, 2)
        return status

    def expect_exit(self, wanted, limit=None):
        """Wait for the end and insist on the exit status."""
        status = self.wait(limit)
        if status != wanted:
            raise Failure("%s instead of status %d; %s" % (
                self.status_text(), wanted, self.tail()))

    def stop(self):
        """End it whatever it does, and its whole session with it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        LIVE.discard(self)
        if self.child.stdin:
            with contextlib.suppress(OSError):
                self.child.stdin.close()
        if self._master is not None:
            with contextlib.suppress(OSError):
                os.close(self._master)


class Context:
    """What a test is given."""

    def __init__(self, folder, log, deadline):
        self.folder = folder
        self.deadline = deadline
        self._log = log
        self._machines = []

    def path(self, name):
        """A path in the test's scratch folder."""
        return os.path.join(self.folder, name)

    def file(self, name, data=b""):
        """A scratch file with data; returns its path."""
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def machine(self, *args, tty=False):
        """Start `lamina run` with args."""
        machine = Machine([str(a) for a in args], self._log, self.deadline,
                          tty)
        self._machines.append(machine)
        return machine

    def copy_disk(self, source):
        """A working copy of a disk image, holes kept."""
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", source,
                        self.path("disk.img")], check=True)
        return self.path("disk.img")

    def close(self):
        """End every machine of the test."""
        for machine in self._machines:
            machine.stop()


_IMAGES = {}
BUSYBOX = ("busybox",)
KERNEL = ("kernel",)


def image(*args):
    """The folder of a guest image, made if it is not in the cache."""
    if args not in _IMAGES:
        run = subprocess.run(
            [os.path.join(ROOT, "scripts", "image"), *args],
            stdout=subprocess.PIPE, text=True, check=False)
        if run.returncode:
            raise Failure("scripts/image %s failed" % " ".join(args))
        _IMAGES[args] = run.stdout.strip()
    return _IMAGES[args]


def stop_cleanly_on_signals():
    """SIGTERM, SIGINT and SIGHUP end every machine, then the test run."""
    def stop(number, _frame):
        for machine in list(LIVE):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(machine.child.pid, signal.SIGKILL)
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)


def run_test(one, log_folder):
    """Run a test: ("ok" or "not ok" or "skip", reason, seconds)."""
    begun = time.monotonic()
    folder = tempfile.mkdtemp(prefix="lamina-test-")
    os.chmod(folder, 0o755)
    name = one.name.replace("/", "-").replace(" ", "_")
    with open(os.path.join(log_folder, name + ".log"), "wb") as log:
        context = Context(folder, log, begun + one.limit)
        try:
            one.function(context)
            result = "ok", ""
        except Skip as why:
            result = "skip", str(why)
        except Failure as why:
            result = "not ok", str(why)
        except Exception as err:  # a broken test is a failed one
            result = "not ok", "%s: %s" % (type(err).__name__, err)
        finally:
            context.close()
            shutil.rmtree(folder, ignore_errors=True)
    return (*result, time.monotonic() - begun)


def say(text):
    """A line of report, at once even into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
