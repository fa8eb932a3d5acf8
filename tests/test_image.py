"""The container image as `make image` made it, limited as Lambda limits: both functions, any user, a read-only root."""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import time

import pytest
import support

IMAGE = support.IMAGE
INVOKE = "/2015-03-31/functions/function/invocations"
LIMITS = ["--memory", "1769m", "--cpus", "1", "--read-only", "--tmpfs", "/tmp"]
SAMPLES = support.ROOT / ".tools" / "samples"

pytestmark = pytest.mark.image


def docker(*arguments, check=True):
    """What a docker command prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def containers():
    """Ids of the containers of this machine whose names the uploader gives, running or not."""
    return set(docker("ps", "--all", "--quiet", "--filter", "name=^/spotter-[0-9a-f]{8}$").split())


@pytest.fixture(autouse=True)
def nothing_is_left(image):
    before = containers()
    yield
    assert containers() <= before


def detect(*arguments, expect=0):
    """The answers of `uploader detect` by file name."""
    command = [str(support.binary("uploader")), "detect", *map(str, arguments), "--format", "jsonl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=support.environment())
    assert done.returncode == expect, f"exit {done.returncode}, expected {expect}\n{done.stdout}\n{done.stderr}"
    print(done.stderr)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {answer["photo"].rsplit("/", 1)[-1]: answer for answer in answers}


@contextlib.contextmanager
def running(*options, command=()):
    """A container of the image without the uploader; gives its name and a function that sends it an event."""
    name = docker("run", "--detach", "--publish", "127.0.0.1::8080", *LIMITS, *options, IMAGE, *command)
    try:
        port = int(docker("port", name, "8080/tcp").rsplit(":", 1)[1])

        def invoke(event):
            deadline = time.monotonic() + 90
            while True:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
                try:
                    connection.request("POST", INVOKE, json.dumps(event), {"content-type": "application/json"})
                    return json.loads(connection.getresponse().read())
                except (OSError, http.client.HTTPException):
                    # Nobody listens in there yet.
                    assert time.monotonic() < deadline, docker("logs", name)
                    assert docker("inspect", "--format", "{{.State.Running}}", name) == "true", docker("logs", name)
                    time.sleep(0.05)
                finally:
                    connection.close()

        yield name, invoke
    finally:
        docker("rm", "--force", name)


def get(path):
    """A Function URL's event."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"http": {"method": "GET", "path": path}, "stage": "$default"},
        "isBase64Encoded": False,
    }


def test_the_same_boxes_as_without_a_container():
    contained = detect(SAMPLES, "--docker", IMAGE, "--concurrency", 2)
    assert len(contained) == 4
    model = contained["chelsea.png"]["model"]
    local = detect(SAMPLES, "--local", "--concurrency", 2, "--model", model["name"])
    for name, answer in contained.items():
        assert answer["model"] == local[name]["model"] == model
        assert answer["detections"], f"nothing in {name}"
        support.same_boxes(answer["detections"], local[name]["detections"])


def test_options_and_both_bodies():
    photo = SAMPLES / "astronaut.png"
    for body in ("binary", "base64"):
        [answer] = detect(photo, "--docker", IMAGE, "--body", body, "--confidence", 0.31, "--classes", "person").values()
        assert answer["thresholds"]["confidence"] == pytest.approx(0.31)
        assert {found["label"] for found in answer["detections"]} == {"person"}


def test_a_hostile_file_spoils_nothing(tmp_path):
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(300))
    answers = detect(bomb, SAMPLES / "chelsea.png", "--docker", IMAGE, "--concurrency", 1, expect=1)
    assert answers["bomb.png"]["error"]["code"] in ("undecodable_image", "unsupported_image")
    assert "cat" in [found["label"] for found in answers["chelsea.png"]["detections"]]


def test_any_user_and_nothing_to_write_to():
    with running("--user", "1234:1234", "--cap-drop", "ALL") as (name, invoke):
        answer = invoke(get("/health"))
        assert answer["statusCode"] == 200, answer
        assert json.loads(answer["body"])["model"]["name"] in ("yolox-nano", "spotter-nano")
        for folder in ("/var/task", "/var/runtime", "/"):
            done = subprocess.run(["docker", "exec", name, "touch", f"{folder}/x"], capture_output=True)
            assert done.returncode != 0, f"{folder} can be written to"
        tools = "command -v python3 cargo rustc cc gcc zig || true"
        assert docker("exec", name, "sh", "-c", tools) == ""


def test_the_other_function_by_its_name():
    event = json.loads((support.ROOT / "functions/bulk/tests/events/test-event.json").read_text())
    message = {"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(event)}
    variables = {
        "RESULTS_URI": "s3://results/found/",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
    options = [f"--env={name}={value}" for name, value in variables.items()]
    with running(*options, command=["detect-bulk"]) as (_, invoke):
        assert invoke({"Records": [message]}) == {"batchItemFailures": []}


def test_a_function_that_is_not_there():
    """AWS's emulator starts the function with the first call only; the stand-in ends without one."""
    name = docker("run", "--detach", "--publish", "127.0.0.1::8080", *LIMITS, IMAGE, "no-such-function")
    try:
        deadline = time.monotonic() + 60
        while "no-such-function" not in (said := logs(name)):
            assert time.monotonic() < deadline, f"it says nothing of the function that is missing: {said}"
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AssertionError):
                port = int(docker("port", name, "8080/tcp").rsplit(":", 1)[1])
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("POST", INVOKE, json.dumps(get("/health")), {"content-type": "application/json"})
                answer = connection.getresponse().read()
                assert b"statusCode" not in answer, answer
                connection.close()
            time.sleep(0.1)
    finally:
        docker("rm", "--force", name)


def logs(name):
    """What a container has said on either stream."""
    done = subprocess.run(["docker", "logs", name], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def test_a_missing_model_is_said_first():
    command = [str(support.binary("uploader")), "detect", str(SAMPLES), "--docker", IMAGE, "--model", "no-such-model"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "no-such-model" in done.stderr.splitlines()[0], done.stderr


def test_a_killed_container_is_replaced():
    before, process = containers(), under_way()
    (victim, *_) = containers() - before
    docker("kill", victim)
    seen = [process.stdout.readline() for _ in range(200)]
    assert all(seen)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)  # read to its end: a pipe that closes would be another reason to end
    assert process.returncode == 130


def test_a_server_without_the_emulator():
    """For ECS, Kubernetes or a NAS: the function itself listens."""
    options = ["--publish", "127.0.0.1::9000", "--entrypoint", "/var/task/bin/detect-http"]
    name = docker("run", "--detach", *options, *LIMITS, IMAGE, "--listen", "0.0.0.0:9000")
    try:
        base = f"http://127.0.0.1:{docker('port', name, '9000/tcp').rsplit(':', 1)[1]}/"
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                if support.Client(base).call("GET", "/health").status == 200:
                    break
            assert time.monotonic() < deadline, logs(name)
            time.sleep(0.05)
        contained = detect(SAMPLES, "--url", base)
        assert len(contained) == 4 and all(answer["detections"] for answer in contained.values())
    finally:
        docker("rm", "--force", name)


def test_what_the_template_starts_is_in_the_image():
    template = (support.ROOT / "infra/template.yaml").read_text()
    commands = re.findall(r"ImageConfig:\s+Command: \[(.+)\]", template)
    assert sorted(commands) == ["detect-bulk", "detect-http"]
    listed = docker("run", "--rm", "--entrypoint", "ls", IMAGE, "/var/task/bin").split()
    # Both are names of one program.
    assert sorted(listed) == sorted([*commands, "functions"])
    assert json.loads(docker("image", "inspect", "--format", "{{json .Config.Cmd}}", IMAGE)) == ["detect-http"]
    licences = docker("run", "--rm", "--entrypoint", "ls", IMAGE, "/var/task/licences", "/var/task/licences/onnxruntime").split()
    assert licences.count("LICENSE") == 2 and {"ThirdPartyNotices.txt", "third-party.txt", "font"} <= set(licences)
    parts = json.loads(docker("run", "--rm", "--entrypoint", "cat", IMAGE, "/var/task/sbom.cdx.json"))["components"]
    assert {"functions", "onnxruntime", "spotter-nano"} <= {part["name"] for part in parts}


def under_way():
    """The uploader, once it has printed its first answer of many."""
    command = [str(support.binary("uploader")), "detect", *[str(SAMPLES)] * 500, "--docker", IMAGE, "--concurrency", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=support.environment(), start_new_session=True)
    assert process.stdout.readline()
    return process


def test_ctrl_c_removes_the_containers():
    before, process = containers(), under_way()
    assert len(containers() - before) == 2
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)  # read to its end: a pipe that closes would be another reason to end
    assert process.returncode == 130
    assert containers() <= before


def test_a_killed_uploader_leaves_no_containers():
    before, process = containers(), under_way()
    process.kill()
    process.wait(60)
    process.stdout.close()
    deadline = time.monotonic() + 60
    while not containers() <= before:
        assert time.monotonic() < deadline, "containers are left"
        time.sleep(0.1)


def test_a_missing_image_is_named():
    command = [str(support.binary("uploader")), "detect", str(SAMPLES), "--docker", "spotter:no-such-tag"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "spotter:no-such-tag" in done.stderr and "make image" in done.stderr
