"""MODEL=s3://bucket/key.onnx: both functions, with moto and with an S3 that fails."""

import hashlib
import json
import os
import socket
import subprocess
import time

import objects
import pytest
import runtime
import support

FIXTURE = support.fixture("yolox")[0]
GRAPH, CARD = (FIXTURE / "model.onnx").read_bytes(), (FIXTURE / "model.toml").read_bytes()
DIGEST = hashlib.sha256(GRAPH).hexdigest()
URI = "s3://models/v1/best.onnx"
# One that needs no card.
BARE = (support.ROOT / "model/fixtures/bare/yolo.onnx").read_bytes()


def card(name):
    return CARD.replace(b'name = "yolox"', f'name = "{name}"'.encode(), 1)


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    server = objects.Moto(tmp_path_factory.mktemp("moto"))
    for bucket in ("models", "photos", "results"):
        server.bucket(bucket)
    server.put("models", "v1/best.onnx", GRAPH)
    server.put("models", "v1/best.toml", card("from best.toml"))
    server.put("models", "v1/model.toml", card("from model.toml"))
    server.put("models", "v2/best.prepared.onnx", GRAPH)
    server.put("models", "v2/model.toml", card("from model.toml"))
    server.put("models", "bare/yolo.onnx", BARE)
    yield server
    server.close()


def http(folder, endpoint, model=URI, **variables):
    return runtime.Function("detect-http", folder, model, TMPDIR=str(folder), AWS_ENDPOINT_URL=endpoint, **variables)


def refusal(function):
    """Why a function did not start: the last line of its log."""
    with function:
        assert function.ended() != 0
        last = function.lines()[-1]
        assert last["level"] == "ERROR" and last["message"].startswith("detect-"), last
        return last["message"]


def asked_model(function):
    with function:
        answer = function.invoke(runtime.request(path="/model", method="GET"))
        return json.loads(answer["body"])


def test_a_model_in_s3_is_used_with_the_card_beside_it(moto, tmp_path, pictures):
    with http(tmp_path, moto.endpoint, MODEL_SHA256=DIGEST.upper()) as function:
        answer = json.loads(function.invoke(runtime.request(pictures[0][0]))["body"])
    support.same_boxes(answer["detections"], pictures[0][1])
    assert answer["model"] == {"name": "from best.toml", "sha256": DIGEST}


def test_model_toml_in_the_same_prefix_is_a_card_too(moto, tmp_path):
    told = asked_model(http(tmp_path, moto.endpoint, "s3://models/v2/best.prepared.onnx"))
    assert (told["name"], told["card_origin"], told["sha256"]) == ("from model.toml", "model.toml", DIGEST)


def test_without_a_card_it_is_inferred(moto, tmp_path):
    told = asked_model(http(tmp_path, moto.endpoint, "s3://models/bare/yolo.onnx"))
    assert (told["name"], told["card_origin"]) == ("yolo", "inferred from the graph")


def test_detect_bulk_takes_it_as_well(moto, tmp_path, pictures):
    moto.put("photos", "in/a.png", pictures[0][0])
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "photos"}, "object": {"key": "in/a.png"}}}
    given = {"RESULTS_URI": "s3://results/run", "AWS_ENDPOINT_URL_S3": moto.endpoint, "MODEL_SHA256": DIGEST}
    with runtime.Function("detect-bulk", tmp_path, URI, TMPDIR=str(tmp_path), **given) as function:
        assert function.invoke({"Records": [record]}, "r-7") is None
        [keys] = [line for line in function.lines() if line["message"] == "ready"]
        assert keys["sha256"] == DIGEST
        assert {line["request_id"] for line in function.lines() if line["message"] == "invocation"} == {"r-7"}


def test_the_plain_server_takes_it_and_keeps_it_in_the_cache(moto, tmp_path):
    environment = support.environment(MODEL=URI, AWS_ENDPOINT_URL=moto.endpoint, XDG_CACHE_HOME=str(tmp_path), METRICS="true")
    environment |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    command = [support.binary("detect-http"), "--listen", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        client = support.Client(server.stdout.readline().strip())
        deadline = time.monotonic() + 60
        while (reply := client.call("GET", "/model")).status == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        told = reply.ok()
    finally:
        server.terminate()
        output, log = server.communicate(timeout=60)
    assert (told["name"], told["sha256"]) == ("from best.toml", DIGEST)
    assert [path.name for path in tmp_path.rglob("*.onnx")] == ["best.onnx"]
    # Standard output is for the address alone, metrics or not.
    assert output == "" and any("_aws" in line for line in log.splitlines())


def test_a_file_whose_digest_fits_is_not_fetched_again_and_any_other_is(tmp_path):
    path = "/models/v1/best.onnx"
    with objects.StandIn({path: GRAPH, "/models/v1/best.toml": CARD}) as s3:
        for _ in range(2):
            assert asked_model(http(tmp_path, s3.endpoint, MODEL_SHA256=DIGEST))["card_origin"] == "best.toml"
        assert (s3.asked.count(path), s3.asked.count("/models/v1/best.toml")) == (1, 2)
        # Nothing half-written, or changed by others, is taken.
        [file] = tmp_path.rglob("best.onnx")
        file.write_bytes(GRAPH[:-1])
        # As Lambda leaves it when an initialisation took too long.
        (file.parent / ".download-half").write_bytes(GRAPH[:9])
        assert asked_model(http(tmp_path, s3.endpoint, MODEL_SHA256=DIGEST))["sha256"] == DIGEST
        # Without a digest the object may be another by now.
        asked_model(http(tmp_path, s3.endpoint))
        assert s3.asked.count(path) == 3
        # A card that is gone does not count any more, and this graph needs one.
        del s3.answers["/models/v1/best.toml"]
        said = refusal(http(tmp_path, s3.endpoint, MODEL_SHA256=DIGEST))
        assert URI in said and "s3://models/v1/best.toml" in said, said
        assert os.listdir(file.parent) == ["best.onnx"]


def test_another_file_is_refused_before_it_is_used(moto, tmp_path):
    wanted = "0" * 64
    said = refusal(http(tmp_path, moto.endpoint, MODEL_SHA256=wanted))
    assert all(part in said for part in (URI, DIGEST, wanted, "MODEL_SHA256")), said
    assert not list(tmp_path.rglob("*.onnx"))
    said = refusal(runtime.Function("detect-http", tmp_path, FIXTURE, MODEL_SHA256=wanted))
    assert all(part in said for part in ("model.onnx", DIGEST, wanted)), said


def test_a_digest_that_is_none_is_wrong_use(tmp_path):
    said = refusal(runtime.Function("detect-bulk", tmp_path, MODEL_SHA256="c789", RESULTS_URI="s3://results/run"))
    assert "MODEL_SHA256" in said and "c789" in said and "64" in said, said


ELSEWHERE = {"x-amz-bucket-region": "eu-west-1"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, {}, objects.error("AccessDenied")), ("access denied", "s3:GetObject", "ModelUri")),
        ((403, {}, objects.error("ExpiredToken")), ("ExpiredToken", "credentials")),
        ((404, {}, objects.error("NoSuchKey")), ("no such key", "MODEL")),
        ((404, {}, objects.error("NoSuchBucket")), ("no such bucket", "MODEL")),
        ((301, ELSEWHERE, objects.error("PermanentRedirect")), ("eu-west-1", "us-east-1", "AWS_REGION")),
        ((400, ELSEWHERE, objects.error("AuthorizationHeaderMalformed")), ("eu-west-1", "us-east-1")),
        ((301, {}, objects.error("PermanentRedirect")), ("another region", "us-east-1")),
        ((200, {"content-length": "600000000"}, b"x"), ("600000000", "500000000", "smaller model")),
        ((200, {"content-length": "1000"}, b"too short"), ("broke off", "download")),
        ((403, {}, objects.error("InvalidObjectState")), ("archived", "Restore")),
        (b"this is no graph", ("best.onnx",)),
    ],
    ids=lambda value: None if isinstance(value, tuple) and isinstance(value[0], str) else str(value)[:60],
)
def test_a_failure_names_the_uri_and_what_to_do(tmp_path, answer, words):
    with objects.StandIn({"/models/v1/best.onnx": answer}) as s3:
        said = refusal(http(tmp_path, s3.endpoint))
    assert URI in said, said
    assert all(word in said for word in words), said


def test_a_card_that_cannot_be_read_is_no_reason_to_guess(tmp_path):
    """A missing card is: S3 answers 403 of it where listing is not allowed."""
    with objects.StandIn({"/models/v1/best.onnx": BARE}) as s3:
        for name in ("best.toml", "model.toml"):
            s3.answers[f"/models/v1/{name}"] = (403, {}, objects.error("AccessDenied"))
        assert asked_model(http(tmp_path, s3.endpoint))["card_origin"] == "inferred from the graph"
        s3.answers["/models/v1/best.toml"] = (400, {}, objects.error("InvalidRequest"))
        said = refusal(http(tmp_path, s3.endpoint))
        assert "best.toml" in said and URI in said, said
        s3.answers["/models/v1/best.toml"] = b"name = 7"
        assert "best.toml" in refusal(http(tmp_path, s3.endpoint))


def test_no_s3_at_all_is_told_soon(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        said = refusal(http(tmp_path, f"http://127.0.0.1:{closed.getsockname()[1]}"))
    assert URI in said and "refused" in said, said


@pytest.mark.parametrize("uri", ["s3://models", "s3://models/best.pt", "s3:///best.onnx"])
def test_what_names_no_file_is_refused(tmp_path, uri):
    said = refusal(http(tmp_path, "http://127.0.0.1:9", uri))
    assert uri in said and "s3://bucket/" in said, said
