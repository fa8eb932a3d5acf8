"""Load and faults for as long as is wanted: see README.md.

    PYTHONPATH=tests python -m soak [MINUTES] [--part server|dataset] [--seed TEXT] [--keep DIR]
"""

import argparse
import contextlib
import datetime
import pathlib
import shutil
import sys
import tempfile
import threading

import support

from soak import machine
from soak.dataset import DatasetPart
from soak.figures import Figures
from soak.server import ServerPart

PARTS = {"server": ServerPart, "dataset": DatasetPart}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", nargs="?", type=float, default=60)
    parser.add_argument("--part", choices=PARTS, help="only this one")
    parser.add_argument("--seed", default="soak")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="where logs, journals and results are left")
    given = parser.parse_args()
    machine.enter()
    folder = given.keep or pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(exist_ok=True)
    parts = []
    for name in [given.part] if given.part else PARTS:
        (folder / name).mkdir()
        clock = machine.Clock(folder / name)
        parts.append(PARTS[name](Figures(name), folder / name, given.minutes * 60, given.seed, clock))
    print(f"soak: {given.minutes:g} minutes, seed {given.seed}, {datetime.date.today()}, logs in {folder}", flush=True)
    for text in skipped(parts):
        print(f"soak: NOT done: {text}", flush=True)
    threads = [threading.Thread(target=part.run) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failures = report([part.figures for part in parts])
    if not failures and not given.keep:
        with contextlib.suppress(OSError):
            support.subprocess.run(["umount", folder / "dataset" / "disk"], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(bool(failures))


def skipped(parts):
    for part in parts:
        if isinstance(part, DatasetPart):
            if not part.machine.names.there:
                yield "lookups that fail and full disks: they take a mount namespace (root, or user namespaces)"
            if not part.machine.clock.there:
                yield "clocks that jump: they take libfaketime (Debian: apt-get install libfaketime)"


def report(all_figures):
    for figures in all_figures:
        print("", *figures.table(), sep="\n")
    print()
    for figures in all_figures:
        print(*figures.lines(), sep="\n")
    failures = [f"{figures.part}: {failure}" for figures in all_figures for failure in figures.failures]
    print(f"failures {len(failures)}")
    for failure in failures:
        print(f"FAILED: {failure}")
    return failures


if __name__ == "__main__":
    main()
