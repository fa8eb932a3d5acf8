"""What fuzz/ promises where nothing is fuzzed: the corpora are as their script writes them, every target is everywhere, and
`make fuzz` says what is missing."""

import os
import re
import subprocess
import sys
import tomllib

import support

FUZZ = support.ROOT / "fuzz"


def test_the_corpora_are_as_their_script_writes_them():
    done = subprocess.run([sys.executable, FUZZ / "corpus.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sum(path.stat().st_size for path in FUZZ.glob("*/*/*") if path.parent.parent.name in ("corpus", "found")) < 1_500_000


def test_every_target_is_everywhere():
    targets = re.findall(r'^    \("(\w+)", \w+::\w+\),', (FUZZ / "targets" / "src" / "lib.rs").read_text(), re.MULTILINE)
    assert len(targets) >= 16
    programs = [program["name"] for program in tomllib.loads((FUZZ / "Cargo.toml").read_text())["bin"]]
    rows = re.findall(r"^\| `(\w+)` \|", (FUZZ / "README.md").read_text(), re.MULTILINE)
    for names in (programs, rows, [path.stem for path in (FUZZ / "fuzz_targets").iterdir()]):
        assert sorted(set(names)) == sorted(targets), names
    for target in targets:
        assert f'run("{target}", bytes)' in (FUZZ / "fuzz_targets" / f"{target}.rs").read_text()


def fuzz(tmp_path, cargo, *arguments):
    (tmp_path / "cargo").write_text(f"#!/bin/sh\n{cargo}\n")
    (tmp_path / "cargo").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin", "SANITIZER": ""}
    return subprocess.run([support.ROOT / "tools" / "fuzz", *arguments], env=environment, capture_output=True, text=True)


def test_what_is_missing_is_said(tmp_path):
    done = fuzz(tmp_path, '[ "$1" != +nightly ]', "60")
    assert done.returncode == 2 and "no nightly Rust toolchain" in done.stderr and "SANITIZER=none" in done.stderr
    done = fuzz(tmp_path, "true", "60", "decoder")
    assert done.returncode == 2 and "no target 'decoder'" in done.stderr and "decode" in done.stderr.split("there are")[1]
    done = fuzz(tmp_path, "true", "soon")
    assert done.returncode == 2 and "whole number" in done.stderr
