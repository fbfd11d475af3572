# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON records of long runs: what ran, on what, from which commit."""

import json
import os
import platform
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))


def _output(*cmd):
    try:
        return subprocess.run(cmd, capture_output=True, text=True,
                              check=True, cwd=ROOT).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown"


def facts():
    """Commit, versions and machine, the same in every record."""
    return {
        "commit": _output("git", "rev-parse", "HEAD"),
        "dirty": bool(_output("git", "status", "--porcelain",
                              "--untracked-files=no")),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "compiler": _output("cc", "--version").split("\n")[0],
        "kernel": platform.release(),
        "processor": _processor(),
        "processors": os.cpu_count(),
    }


def write(path, kind, data):
    """Write {"kind": ..., facts, data} to path, all or nothing."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump({"kind": kind, **facts(), **data}, f, indent=1)
        f.write("\n")
    os.rename(path + ".new", path)
