"""The clients of docs/api.md in Python and JavaScript, as they are written there. The one in a shell is run by test_documents.py."""

import os
import re
import shutil
import subprocess
import sys

import documents
import pytest
import support

PAGE = support.ROOT / "docs" / "api.md"
SAMPLE = support.ROOT / ".tools" / "samples" / "chelsea.png"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = support.Server(tmp_path_factory.mktemp("quick") / "log", model=support.ROOT / "model" / "spotter-nano")
    yield server
    assert server.close() == 0


def ask(interpreter, client, *arguments):
    """What a client prints, and its exit status."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run([interpreter, client, *arguments], capture_output=True, text=True, timeout=60, env=environment)
    return done.returncode, done.stdout, done.stderr


def found(printed):
    """[(label, score, box)] of what a client prints: a line for each object."""
    lines = [re.fullmatch(r"(.+) ([\d.]+) \[(.*)\]", line) for line in printed.splitlines()]
    return [(line[1], float(line[2]), [float(number) for number in line[3].split(",")]) for line in lines]


@pytest.mark.parametrize("language, name", [("python", "client.py"), ("js", "client.mjs")])
def test_a_client_of_few_lines(language, name, server, tmp_path):
    interpreter = sys.executable if language == "python" else shutil.which("node")
    if not interpreter:
        support.skip("node is not on the PATH", "install Node.js (Debian: apt-get install nodejs)")
    text = documents.blocks(PAGE, language)[0]
    client, address = tmp_path / name, server.base.rstrip("/")
    expected = server.client.post(SAMPLE.read_bytes(), "/detect?confidence=0.1").ok()["detections"]
    # Lower, so that several objects are printed.
    client.write_text(text.replace("0.3", "0.1"))
    status, printed, said = ask(interpreter, client, SAMPLE, address)
    assert status == 0, said
    assert found(printed) == [(d["label"], d["score"], d["box"]) for d in expected] and expected
    (tmp_path / "text.jpg").write_text("no photo at all")
    status, printed, said = ask(interpreter, client, tmp_path / "text.jpg", address)
    assert status != 0 and not printed and ("Unsupported" in said), said
