"""What goes wrong with a machine: its clock jumps, names are not found, a disk is full. None of it touches other programs:
the run has a mount namespace of its own, and the clock is that of single processes (libfaketime)."""

import contextlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys

import support

INSIDE = "SOAK_INSIDE"
# moto takes a name with a dot for a bucket's.
HOST = "soak-s3"
ADDRESS = f"127.0.0.1 localhost {HOST}\n"
LIBRARY = "libfaketime.so.1"


def enter():
    """Starts this program again in a mount namespace, where that is allowed; then comes back in the new one."""
    if os.environ.get(INSIDE) or not shutil.which("unshare"):
        return
    ways = (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"])
    for way in ways:
        if subprocess.run([*way, "true"], capture_output=True).returncode == 0:
            os.environ[INSIDE] = "yes"
            os.execvp(way[0], [*way, sys.executable, "-m", "soak", *sys.argv[1:]])


def mounted(*arguments):
    """Mounts something; whether that was possible. Only in a namespace of its own."""
    return bool(os.environ.get(INSIDE)) and subprocess.run(["mount", *map(str, arguments)], capture_output=True).returncode == 0


class Names:
    """The machine's names: HOST is this machine until it is lost. Nobody else is asked: lookups that the file does not answer
    fail at once, as without a network."""

    def __init__(self, folder):
        self.file, resolver = folder / "hosts", folder / "resolv.conf"
        self.file.write_text(ADDRESS)
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.there = mounted("--bind", self.file, "/etc/hosts") and mounted("--bind", resolver, "/etc/resolv.conf")
        self.host = HOST if self.there else "127.0.0.1"

    def lose(self):
        self.file.write_text("127.0.0.1 localhost\n")

    def find(self):
        self.file.write_text(ADDRESS)


class Disk:
    """A small disk that can be filled."""

    def __init__(self, folder, kilobytes=1024):
        self.folder, self.kilobytes = folder, kilobytes
        folder.mkdir()
        self.there = mounted("-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder)

    def fill(self, leave=0):
        """Leaves so many kB."""
        filler = (self.folder / "filler").open("wb", buffering=0)
        with filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))
        size = (self.folder / "filler").stat().st_size
        os.truncate(self.folder / "filler", max(0, size - (leave << 10)))

    def free(self):
        (self.folder / "filler").unlink(missing_ok=True)


class Clock:
    """The clock of the processes that have `variables`: other than the machine's by so many seconds."""

    def __init__(self, folder):
        self.file, self.library = folder / "clock", library()
        self.there = self.library is not None
        self.jump(0)

    @property
    def variables(self):
        if not self.there:
            return {}
        # What measures times goes on evenly, as it does on a machine whose clock is set.
        return {
            "LD_PRELOAD": str(self.library), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
        }  # fmt: skip

    def jump(self, seconds):
        new = self.file.with_name("clock.new")
        new.write_text(f"{seconds:+d}s\n")
        new.replace(self.file)


def library():
    """Debian's libfaketime: the machine's own, or what `tools/setup tests` has unpacked."""
    roots = pathlib.Path("/"), support.ROOT / ".tools" / "faketime"
    places = (root / "usr" / "lib" / f"{platform.machine()}-linux-gnu" / "faketime" / LIBRARY for root in roots)
    return next((place for place in places if place.exists()), None)
