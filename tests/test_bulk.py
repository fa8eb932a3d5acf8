"""The bulk path from outside, against somebody else's S3 and SQS: `uploader local --bulk` without faults."""

import collections
import hashlib
import io
import json
import os
import pathlib
import random
import re
import signal
import sys
import time

import cloud
import PIL.Image
import pytest
import support


def test_every_photo_of_a_dataset_has_one_result(tmp_path):
    good, (broken, others) = cloud.small_photos(), cloud.hostile_files()
    with cloud.Bulk(tmp_path / "log") as bulk:
        bulk.put_and_delete("in/gone.jpg")
        bulk.put_all(good | broken | others)
        bulk.drained()
        assert bulk.count("dead letters") == 0
        lines = bulk.lines()
    results = cloud.one_result_each(lines, [*good, *broken, *others, "in/gone.jpg"])
    for key in good:
        assert "detections" in results[key], results[key]
    assert sum(bool(results[key]["detections"]) for key in good) > 0.8 * len(good)
    for key in broken:
        assert results[key]["error"]["code"] in ("unsupported_image", "undecodable_image"), results[key]
    assert results["in/gone.jpg"]["error"]["code"] == "not_found"
    for key, data in good.items():
        source = results[key]["source"]
        assert (source["bucket"], source["size"]) == ("photos", len(data))
        assert source["etag"] == hashlib.md5(data).hexdigest()
    assert all(line["error"]["code"] != "internal" for line in results.values() if "error" in line)


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """One JSON object and one annotated photo per photo; messages that are handed back come again soon."""
    with cloud.Bulk(
        tmp_path_factory.mktemp("objects") / "log",
        support.fixture("yolox")[0],
        ("--workers", "1", "--visibility", "2", "--batch-window", "0"),
        RESULT_LAYOUT="object",
        ANNOTATE="true",
    ) as bulk:
        bulk.send("no JSON at all")  # for the last test, meanwhile
        yield bulk


def dated(bulk, key):
    """Where a photo's result lies: in the folder of the day on which it was stored. None until it does."""
    day = re.compile(r"out/date=\d{4}-\d\d-\d\d/")
    return max((name for name in bulk.keys() if day.sub("", name, count=1) == f"{key}.json"), default=None)


def result(bulk, key):
    return json.loads(bulk.get(dated(bulk, key))[0])


def test_an_object_and_an_annotated_photo_each(objects, pictures):
    (photo, expected), _ = pictures
    objects.put("in/albums/cat.png", photo)
    objects.put("in/text.jpg", b"hello")
    objects.wait(lambda: dated(objects, "in/albums/cat.png") and dated(objects, "in/text.jpg"))
    line, (_, headers) = result(objects, "in/albums/cat.png"), objects.get(dated(objects, "in/albums/cat.png"))
    support.same_boxes(line["detections"], expected)
    assert headers["content-type"] == "application/json"
    assert headers["x-amz-meta-model-sha256"] == line["model"]["sha256"]
    drawn, headers = objects.get("out/in/albums/cat.png.annotated.jpg")
    assert headers["content-type"] == "image/jpeg"
    assert PIL.Image.open(io.BytesIO(drawn)).size == (128, 96)
    assert result(objects, "in/text.jpg")["error"]["code"] == "unsupported_image"
    assert "out/in/text.jpg.annotated.jpg" not in objects.keys()


def test_names_that_need_care(objects, pictures):
    photo, expected = pictures[0]
    keys = ["in/A file+name é(1).jpg", "in/100%.png", "in/日本 語/x&y=z.png", "in/%41.png", "in/a..b~c'd!.png"]
    for key in keys:
        objects.put(key, photo)
    objects.wait(lambda: all(dated(objects, key) for key in keys))
    for key in keys:
        line = result(objects, key)
        assert line["source"]["key"] == key
        support.same_boxes(line["detections"], expected)


def test_folders_other_prefixes_and_uploads_in_parts(objects, pictures):
    """moto sends two records for an upload in parts; the first is of an empty object."""
    photo, expected = pictures[0]
    objects.put("in/folder/", b"")
    objects.put("elsewhere.png", photo)
    noise = PIL.Image.frombytes("RGB", (1600, 1200), random.Random(1).randbytes(1600 * 1200 * 3))
    noise.paste((128, 128, 128), (0, 0, 1600, 1000))
    large = support.encode(noise, "PNG") + bytes(5 << 20)
    objects.put_in_parts("in/parts.png", large[: 5 << 20], large[5 << 20 :])
    objects.put("in/last.png", photo)
    objects.wait(lambda: dated(objects, "in/parts.png") and dated(objects, "in/last.png"))
    objects.wait(lambda: result(objects, "in/parts.png")["source"]["size"] == len(large))
    assert "detections" in result(objects, "in/parts.png")
    support.same_boxes(result(objects, "in/last.png")["detections"], expected)
    assert not [key for key in objects.keys() if "folder" in key or "elsewhere" in key]


def test_versions(objects, pictures):
    """moto's notifications leave the version out, so they are sent by hand, as S3 has them."""
    objects.ask("PUT", "/versioned", b"")
    enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    objects.ask("PUT", "/versioned?versioning", enabled)
    versions = [objects.put("cat.png", photo, "versioned") for photo, _ in pictures]
    assert len(set(versions)) == 2
    for version, (photo, expected) in zip(versions, pictures):
        objects.send(cloud.notification("cat.png", version, "versioned"))
        objects.wait(lambda: dated(objects, "cat.png"))
        objects.wait(lambda: result(objects, "cat.png")["source"]["version_id"] == version)
        line = result(objects, "cat.png")
        support.same_boxes(line["detections"], expected)
        assert line["source"]["etag"] == hashlib.md5(photo).hexdigest()
    # Without a version the last one is meant; a version that is gone is told.
    objects.delete("cat.png", "versioned")
    objects.send(cloud.notification("cat.png", None, "versioned"))
    objects.wait(lambda: "error" in result(objects, "cat.png"))
    assert result(objects, "cat.png")["error"]["code"] == "not_found"


@pytest.mark.parametrize("schema, bucket", [("1.0", {"s3BucketArn": "arn:aws:s3:::photos"}), ("2.0", {"s3Bucket": "photos"})])
def test_batch_operations_get_a_code_for_each_task(objects, pictures, schema, bucket):
    for number in range(20):
        objects.put(f"manifest/{number} é.png", pictures[number % 2][0])
    objects.put("manifest/text.png", b"hello")
    keys = [f"manifest/{number}+%C3%A9.png" for number in range(20)]
    keys += ["manifest/text.png", "manifest/gone.png", "manifest/%ff%fe.png"]
    codes = {}
    for number, key in enumerate(keys):  # S3 sends one task at a time
        task = {"taskId": f"t{number}", "s3Key": key, "s3VersionId": None} | bucket
        event = {"invocationSchemaVersion": schema, "invocationId": f"i{number}", "job": {"id": "j"}, "tasks": [task]}
        status, answer = objects.invoke(event)
        assert status == 200 and answer["invocationId"] == f"i{number}" and answer["invocationSchemaVersion"] == schema
        (told,) = answer["results"]
        assert told["taskId"] == f"t{number}" and told["resultString"]
        codes[key] = told["resultCode"]
    assert [codes.pop(key) for key in keys[20:]] == ["PermanentFailure"] * 3
    assert set(codes.values()) == {"Succeeded"} and len(codes) == 20
    for number in range(20):
        support.same_boxes(result(objects, f"manifest/{number} é.png")["detections"], pictures[number % 2][1])


def test_an_event_that_nobody_reads_is_an_error(objects):
    status, answer = objects.invoke({"hello": 1})
    assert answer["errorType"] == "HandedBack", (status, answer)


def test_what_nobody_can_read_ends_among_the_dead_letters(objects):
    objects.wait(lambda: objects.count("dead letters") == 1)
    objects.drained()
    (message,) = objects.sqs("ReceiveMessage", "dead letters")["Messages"]
    assert message["Body"] == "no JSON at all"
    assert "sent to the dead-letter queue" in objects.log.read_text()


# Plays detect-bulk: notes each event, and answers as the body of its first message wants.
STAND_IN = """#!{python}
import json, os, urllib.request
api = os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
notes = open({notes!r}, "a", buffering=1)
while True:
    with urllib.request.urlopen(api + "next") as call:
        event, request = json.load(call), call.headers["lambda-runtime-aws-request-id"]
    notes.write(json.dumps(event) + "\\n")
    wish = event["Records"][0]["body"] if "Records" in event else "null"
    where = "/error" if wish.startswith('{{"errorType"') else "/response"
    urllib.request.urlopen(urllib.request.Request(api + request + where, wish.encode(), method="POST")).close()
"""
GOOD = ["null", "{}", '{"batchItemFailures": []}', '{"batchItemFailures": null}']
BAD = [
    "7",
    '{"batchItemFailures": "all"}',
    '{"batchItemFailures": [{"itemIdentifier": ""}]}',
    '{"batchItemFailures": [{"itemIdentifier": "another"}]}',
    '{"errorType": "Oh", "errorMessage": "no"}',
]


def test_answers_mean_what_lambda_has_them_mean(tmp_path):
    """Lambda's contract with a function behind a queue: events of its shape, success deleted, the rest tried again, as often
    as the queue's policy says."""
    play, notes = tmp_path / "detect-bulk", tmp_path / "notes"
    play.write_text(STAND_IN.format(python=sys.executable, notes=str(notes)))
    play.chmod(0o755)
    one_by_one = ("--workers", "1", "--batch-size", "1", "--batch-window", "0", "--visibility", "1")
    model = support.fixture("yolox")[0]
    with cloud.Bulk(tmp_path / "log", model, (*one_by_one, "--bulk-function", str(play))) as bulk:
        for wish in GOOD + BAD:
            bulk.send(wish)
        bulk.wait(lambda: bulk.count("dead letters") == len(BAD))
        bulk.drained()
    events = [json.loads(line) for line in notes.read_text().splitlines()]
    records = [record for event in events for record in event.get("Records", [])]
    seen = collections.Counter(record["body"] for record in records)
    assert [seen[wish] for wish in GOOD] == [1] * len(GOOD)
    assert [seen[wish] for wish in BAD] == [5] * len(BAD)
    counts = [record["attributes"].pop("ApproximateReceiveCount") for record in records if record["body"] == BAD[0]]
    assert counts == ["1", "2", "3", "4", "5"]
    (record,) = (record for record in records if record["body"] == "{}")
    assert record.pop("messageId") and record.pop("receiptHandle")
    assert set(record.pop("attributes")) >= {"ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"}
    assert record == {
        "body": "{}",
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(b"{}").hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:photos",
        "awsRegion": "us-east-1",
    }


def test_local_runs_detect_bulk_where_results_have_a_place(tmp_path, pictures):
    """Without --bulk, detect-bulk is there where it can work, and left out where it cannot."""
    model = support.fixture("yolox")[0]
    local = support.Emulator(tmp_path / "without", model, ("--workers", "1"))
    assert {name for name in local.family().values() if name.startswith("detect")} == {"detect-http"}
    local.close()
    given = {"RESULTS_URI": "s3://results/run", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "test"}
    local = support.Emulator(tmp_path / "with", model, ("--workers", "1"), AWS_SECRET_ACCESS_KEY="test", **given)
    assert {name for name in local.family().values() if name.startswith("detect")} == {"detect-http", "detect-bulk"}
    support.same_boxes(local.client.post(pictures[0][0]).ok()["detections"], pictures[0][1])
    local.close()


def test_ending_it_leaves_nothing_behind(tmp_path):
    with cloud.Bulk(tmp_path / "log", support.fixture("yolox")[0]) as bulk:
        family = bulk.family()
    assert len(family) >= 5, f"uploader, moto, emulator and both functions: {family}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(map(running, family)):
        time.sleep(0.05)
    assert not [name for pid, name in family.items() if running(pid)]


def running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

