"""The committed fixtures are what their script writes."""

import subprocess
import sys

import support


def test_fixtures_are_reproducible():
    subprocess.run([sys.executable, support.ROOT / "model" / "fixtures" / "make.py", "--check"], check=True, timeout=60)
