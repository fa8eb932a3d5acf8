"""No program leaves or sends anything about this machine: what ONNX Runtime would do of its own."""

import os
import subprocess

import pytest
import runtime_api
import support

IDENTIFIER = "Microsoft/DeveloperTools/.onnxruntime/deviceid"
SAMPLE = support.ROOT / ".tools" / "samples" / "chelsea.png"
# Nothing is sent in earnest, and who fails to connect says nothing.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's folder. ONNX Runtime is silent where a variable tells it of one of many CI services, or to be silent: there is none."""
    for name in os.environ.keys() - {"PATH", "LD_LIBRARY_PATH", "TMPDIR"}:
        monkeypatch.delenv(name)
    for name, value in {"HOME": tmp_path, "https_proxy": NOWHERE, "HTTPS_PROXY": NOWHERE, "ALL_PROXY": NOWHERE, "MODEL_DIR": ""}.items():
        monkeypatch.setenv(name, str(value))
    return tmp_path


def left(home):
    return sorted(str(path.relative_to(home / ".cache")) for path in (home / ".cache").rglob("*") if path.is_file())


def serve(home, **variables):
    server = support.Server(home / "log", model=support.ROOT / "model" / "spotter-nano", MODEL_DIR="", **variables)
    server.client.post(SAMPLE.read_bytes()).ok()
    assert server.close() == 0


def test_a_server_leaves_nothing(home):
    serve(home)
    assert not [path for path in left(home) if not path.startswith("spotter/")]


def test_the_uploader_leaves_nothing(home):
    command = [support.binary("uploader"), "model", "try", support.ROOT / "model" / "spotter-nano" / "model.onnx", SAMPLE]
    done = subprocess.run(command, env=support.environment(MODEL_DIR=""), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not [path for path in left(home) if not path.startswith("spotter/")]


@pytest.mark.parametrize("name", ["detect-http", "detect-bulk"])
def test_a_function_leaves_nothing(name, home):
    with runtime_api.RuntimeApi() as api, api.start(name, MODEL_DIR="") as process:
        assert api.next(process) == "/invocation/next"
        process.kill()
    assert not [path for path in left(home) if not path.startswith("spotter/")]


def test_it_would_leave_something(home):
    """Whoever wants it gets it; and these tests would see it."""
    serve(home, ORT_DISABLE_TELEMETRY="0")
    assert IDENTIFIER in left(home)
