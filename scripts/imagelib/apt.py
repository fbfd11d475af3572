# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages of any suite, from the mirror this machine is set up for.

No host name of a mirror is written anywhere: it is read from apt's own
configuration, or from LAMINA_MIRROR. The suite's package lists are kept in the
cache, apart from the machine's own, so this needs no root.
"""

import io
import os
import subprocess
import tarfile
import time

from .places import ImageError, cache, locked

KEYRINGS = "/usr/share/keyrings"
LISTS_MAX_AGE = 24 * 3600
FIELDS = "$(ORIGIN)|$(LABEL)|$(RELEASE)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)"


def _index_targets():
    run = subprocess.run(
        ["apt-get", "indextargets", "--format", FIELDS,
         "Created-By: Packages"],
        capture_output=True, text=True, check=False)
    return [line.split("|") for line in run.stdout.splitlines()]


def sources(suite):
    """apt source lines for suite, from the machine's own Debian sources."""
    mirror = os.environ.get("LAMINA_MIRROR")
    if mirror:
        return ["deb %s %s main" % (mirror, suite)]
    lines = []
    for origin, label, release, codename, uri, component in _index_targets():
        if origin != "Debian" or component != "main":
            continue
        base = codename.split("-")[0]
        if label not in ("Debian", "Debian-Security") or \
                release.split("-")[0] not in (base, "stable", "oldstable"):
            continue
        pocket = release.partition("-")[2]
        if pocket in ("", "updates", "security"):
            name = suite + ("-" + pocket if pocket else "")
            line = "deb %s %s main" % (uri, name)
            if line not in lines:
                lines.append(line)
    if not any(line.split()[2] == suite for line in lines):
        raise ImageError(
            "apt on this machine knows no Debian mirror; run `apt-get update` "
            "as root, or set LAMINA_MIRROR to the address of one")
    return lines


class Apt:
    """apt for one suite, with its lists in the cache."""

    def __init__(self, suite):
        self.suite = suite
        self.root = os.path.join(cache(), "apt", suite)
        for folder in ("state/lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(self.root, folder), exist_ok=True)
        with open(os.path.join(self.root, "sources.list"), "w",
                  encoding="utf-8") as f:
            f.write("\n".join(sources(suite)) + "\n")
        with open(os.path.join(self.root, "state", "status"), "a",
                  encoding="utf-8"):
            pass

    def _options(self):
        settings = {
            "Dir::State": "state", "Dir::Cache": "cache",
            "Dir::State::status": "state/status",
            "Dir::Etc::sourcelist": "sources.list",
        }
        for key, value in settings.items():
            yield from ("-o", "%s=%s" % (key, os.path.join(self.root, value)))
        for setting in ("Dir::Etc::sourceparts=/dev/null",
                        "Dir::Etc::TrustedParts=" + KEYRINGS,
                        "Dir::Etc::preferencesparts=/dev/null",
                        "APT::Architecture=amd64", "Acquire::Retries=3",
                        "APT::Sandbox::User=", "Acquire::Languages=none"):
            yield from ("-o", setting)

    def _run(self, tool, *args, cwd=None):
        run = subprocess.run([tool, "-q", *self._options(), *args], cwd=cwd,
                             capture_output=True, text=True, check=False,
                             stdin=subprocess.DEVNULL)
        if run.returncode:
            raise ImageError("%s %s failed:\n%s" %
                             (tool, args[0], run.stderr.strip()))
        return run.stdout

    def update(self):
        """Fetch the suite's package lists, at most once a day."""
        stamp = os.path.join(self.root, "updated")
        wanted = open(os.path.join(self.root, "sources.list"),
                      encoding="utf-8").read()
        with locked("apt-" + self.suite):
            try:
                age = time.time() - os.path.getmtime(stamp)
                if age < LISTS_MAX_AGE and \
                        open(stamp, encoding="utf-8").read() == wanted:
                    return
            except OSError:
                pass
            self._run("apt-get", "update")
            with open(stamp, "w", encoding="utf-8") as f:
                f.write(wanted)

    def dependency(self, package, prefix):
        """The first dependency of package whose name starts with prefix."""
        for line in self._run("apt-cache", "depends", package).splitlines():
            word = line.split()
            if word[:1] == ["Depends:"] and word[1].startswith(prefix):
                return word[1]
        raise ImageError("%s depends on no %s*" % (package, prefix))

    def download(self, package, folder):
        """Fetch package's .deb into folder; returns its path."""
        self._run("apt-get", "download", package, cwd=folder)
        for name in os.listdir(folder):
            if name.startswith(package + "_") and name.endswith(".deb"):
                return os.path.join(folder, name)
        raise ImageError("apt fetched no %s" % package)


def members(deb, wanted):
    """{path: bytes} of those files in a .deb for which wanted(path)."""
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb],
                         check=True, capture_output=True).stdout
    found = {}
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in archive:
            path = member.name.lstrip("./")
            if member.isfile() and wanted(path):
                found[path] = archive.extractfile(member).read()
    return found
