"""Where the kernel's lists of processors are hidden, as Lambda hides them: the functions must start and detect all the same."""

import json
import subprocess

import pytest
import runtime_api
import support

LISTS = "/sys/devices/system/cpu"
HIDE = f'mount -t tmpfs none {LISTS} && exec "$@"'


@pytest.fixture(scope="module")
def hidden():
    """The start of a command that sees an empty folder there: a mount of its own, which ends with it."""
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", HIDE, "sh"]
    try:
        tried = subprocess.run([*command, "ls", LISTS], capture_output=True, text=True)
        reason = tried.stderr.strip() if tried.returncode else None
    except FileNotFoundError as error:
        reason = str(error)
    if reason:
        support.skip(f"{LISTS} cannot be hidden here ({reason})", "be root, or allow user namespaces")
    assert tried.stdout == ""
    return command


def detect(start, *options):
    photos = support.ROOT / ".tools" / "samples"
    command = [*start, support.binary("uploader"), "detect", photos, "--model", support.ROOT / "model" / "spotter-nano", "--format", "jsonl", "--no-summary", *options]
    done = subprocess.run(command, env=support.environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answers = sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda answer: answer["photo"])
    return [(answer["photo"], answer["detections"]) for answer in answers], done.stderr


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_server_finds_the_same(hidden, threads):
    seen, _ = detect([], "--sessions", "1", "--threads", threads)
    found, said = detect(hidden, "--sessions", "1", "--threads", threads)
    assert len(found) == 4
    for (photo, boxes), (other, expected) in zip(found, seen, strict=True):
        assert photo == other
        support.same_boxes(boxes, expected, pixels=0.5, score=0.002)
    assert "panicked" not in said


@pytest.mark.parametrize("name", ["detect-http", "detect-bulk"])
def test_the_function_starts_under_lambda(hidden, name):
    """As far as it comes without an event: the model is loaded before the first one is asked for."""
    with runtime_api.RuntimeApi() as api, api.start(name, hidden) as process:
        assert api.next(process) == "/invocation/next"
        process.kill()
