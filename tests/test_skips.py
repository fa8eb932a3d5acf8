"""What may be skipped, and how: conftest.py's rule, on tests of its own."""

import os
import subprocess
import sys

import pytest
import support

TESTS = """
import pytest, support
def test_told(): support.skip("no engine answers", "tools/docker-engine start")
def test_untold(): pytest.skip("no engine answers")
@pytest.mark.skip(reason="some day")
def test_marked(): pass
@pytest.fixture
def engine(): support.skip("no engine answers", "tools/docker-engine start")
def test_by_a_fixture(engine): pass
@pytest.mark.xfail(reason="known")
def test_known(): assert False
def test_good(): pass
"""


@pytest.mark.parametrize("variables, outcome", [({"CI": ""}, "1 failed, 1 passed, 2 skipped, 1 xfailed, 1 error"), ({"CI": "true"}, "2 failed, 1 passed, 1 xfailed, 2 errors")])
def test_nobody_skips_in_silence(tmp_path, variables, outcome):
    (tmp_path / "test_them.py").write_text(TESTS)
    environment = os.environ | {"PYTHONPATH": str(support.ROOT / "tests")} | variables
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-ra", "--rootdir", tmp_path, "-c", os.devnull, "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(list(map(str, command)), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and outcome in done.stdout, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all("to run it: tools/docker-engine start" in line for line in told) and len(told) == (0 if variables["CI"] else 2)
