"""What Lambda's SnapStart wants of the functions: infra/operations.md. The template switches it on nowhere."""

import json

import pytest
import runtime_api
import support

SAMPLE = support.ROOT / ".tools" / "samples" / "chelsea.png"


def test_a_snapshot_is_taken_with_the_model_loaded():
    with runtime_api.RuntimeApi(runtime_api.request("GET", "/model"), runtime_api.request("POST", "/detect", SAMPLE.read_bytes())) as api:
        with api.start("detect-http", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as process:
            # Init ends with this question; Lambda answers it in each copy that it restores.
            assert api.next(process) == "/restore/next"
            assert api.next(process) == "/invocation/next"
            model = json.loads(api.next(process, "answers")["body"])
            answer = api.next(process, "answers")
            process.kill()
    assert model["name"] == "spotter-nano"
    assert answer["statusCode"] == 200 and json.loads(answer["body"])["detections"], answer


@pytest.mark.parametrize("name", ["detect-http", "detect-bulk"])
@pytest.mark.parametrize("kind, first", [("snap-start", "/restore/next"), ("on-demand", "/invocation/next")])
def test_only_snapstart_is_asked_to_restore(name, kind, first):
    with runtime_api.RuntimeApi() as api, api.start(name, AWS_LAMBDA_INITIALIZATION_TYPE=kind) as process:
        assert api.next(process) == first
        process.kill()
