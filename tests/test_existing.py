"""Photos that are in a bucket already, against moto: listed, queued and collected, with kills of uploader and workers."""

import collections
import concurrent.futures
import hashlib
import http.client
import json
import os
import random
import signal
import subprocess
import time
import urllib.parse

import cloud
import support

# Requests that the uploader has under way at once, and photos in each: what a kill leaves in doubt.
IN_DOUBT = 4 * 100


def put_many(bulk, keys, bodies):
    """Stores objects over a few connections that are kept."""

    def put(share):
        connection = http.client.HTTPConnection(*bulk.address, timeout=60)
        for key, body in share:
            connection.request("PUT", f"/photos/{urllib.parse.quote(key)}", body, {"Authorization": cloud.SIGNED.format("s3")})
            response = connection.getresponse()
            assert response.status == 200, response.read()
            response.read()
        connection.close()

    pairs = [(key, bodies[number % len(bodies)]) for number, key in enumerate(keys)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(put, (pairs[start::4] for start in range(4))))


class Uploader:
    """`uploader bulk --existing` of what lies in one folder of the bucket."""

    def __init__(self, bulk, folder, queue, scratch):
        self.journal = scratch / "journal.jsonl"
        self.command = [
            *(support.binary("uploader"), "bulk", "--existing", f"s3://photos/{folder}", "--queue", queue),
            *("--results", bulk.places["results"], "--endpoint-url", bulk.places["S3 and SQS"], "--journal", self.journal),
        ]
        self.environment = support.environment(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")

    def run(self, *options, expect=0):
        done = subprocess.run([*self.command, *options], env=self.environment, capture_output=True, text=True)
        assert done.returncode == expect, done.stderr
        return done

    def noted(self):
        return self.journal.read_bytes().count(b'"sent"') if self.journal.exists() else 0

    def killed(self, *options, requests):
        """Starts it, and kills it when so many requests more have been answered."""
        enough = self.noted() + requests
        process = subprocess.Popen([*self.command, *options], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 100
        while self.noted() < enough:
            assert process.poll() is None and time.monotonic() < deadline, "it should have been killed on its way"
            time.sleep(0.005)
        process.kill()
        process.wait()


def records(bulk, url):
    """What has come to a queue that nobody else reads."""
    bulk.places["other"] = url
    while messages := bulk.sqs("ReceiveMessage", "other", MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            yield from json.loads(message["Body"])["Records"]


def queued(bulk, url):
    """How often each key has come to a queue that nobody else reads."""
    return collections.Counter(urllib.parse.unquote_plus(record["s3"]["object"]["key"]) for record in records(bulk, url))


def test_twenty_thousand_objects_are_queued_whatever_is_killed(tmp_path):
    keys = [f"there/{number % 7}/photo {number:05}.jpg" for number in range(20_000)]
    keys.append("there/1/no XML can hold \a.jpg")
    objects = tmp_path / "objects.json"
    objects.write_text(json.dumps({"photos": {key: key for key in [*keys, "there/notes.txt", "there/folder/"]}}))
    with cloud.Bulk(tmp_path / "log", support.fixture("yolox")[0], ("--workers", "1"), objects=objects) as bulk:
        url = bulk.sqs("CreateQueue", QueueName="nobody-reads", Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
        uploader = Uploader(bulk, "there", url, tmp_path)
        for _ in range(3):
            uploader.killed("--no-wait", requests=30)
        done = uploader.run("--no-wait")
        assert "may be on the queue already" in done.stderr
        assert "1 by --suffix, 1 folders" in done.stdout
        on_it = queued(bulk, url)
        # A photo that was replaced is another one, and the only one.
        bulk.put(keys[7], b"replaced")
        assert "queued              1 photo in 1 message" in uploader.run("--no-wait").stdout
        (record,) = records(bulk, url)
        assert record["s3"]["object"]["eTag"] == hashlib.md5(b"replaced").hexdigest()
        assert (record["s3"]["object"]["size"], record["eventSource"]) == (8, "aws:s3")
    assert set(on_it) == set(keys), "photos were lost"
    assert sum(count - 1 for count in on_it.values()) <= 3 * IN_DOUBT


def test_every_photo_of_a_bucket_has_one_result_whatever_is_killed(tmp_path, pictures):
    """Uploader and workers killed, messages twice and in any order, bad photos and bad records."""
    (photo, _), *_ = pictures
    keys = [f"there/{number % 3}/A+b ü {number}.png" for number in range(2000)]
    bad = [f"there/bad {number}.jpg" for number in range(20)]
    arguments = ("--workers", "1", "--batch-size", "20", "--visibility", "5", "--batch-window", "0")
    with cloud.Bulk(tmp_path / "log", support.fixture("yolox")[0], arguments) as bulk:
        put_many(bulk, keys, [photo])
        put_many(bulk, bad, [b"no photo"])
        uploader = Uploader(bulk, "there", bulk.places["queue"], tmp_path)
        for _ in range(2):
            uploader.killed("--no-wait", requests=3)
        order = random.Random(7).sample([*keys, *bad], 200)  # twice, and not in their first order
        for start in range(0, len(order), 10):
            records = [record for key in order[start : start + 10] for record in cloud.notification(key)["Records"]]
            bulk.send({"Records": [*records[:5], {"s3": {"bucket": {"name": "photos"}}}, *records[5:]]})
        for _ in range(2):
            before = len(bulk.keys())
            bulk.wait(lambda: len(bulk.keys()) > before)
            (victim,) = bulk.wait(bulk.functions)
            os.kill(victim, signal.SIGKILL)
        done = uploader.run("--format", "jsonl", expect=1)
        bulk.drained()
        assert bulk.count("dead letters") == 0
        lines = bulk.lines()
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert collections.Counter(line["photo"] for line in results) == {f"s3://photos/{key}": 1 for key in [*keys, *bad]}
    failed = {line["source"]["key"] for line in results if "error" in line}
    assert failed == set(bad), failed ^ set(bad)
    unreadable = [key for key, repeats in lines.items() if repeats[0].get("error", {}).get("code") == "invalid_record"]
    assert len(unreadable) == 1 and json.loads(unreadable[0]) == {"s3": {"bucket": {"name": "photos"}}}
    del lines[unreadable[0]]
    cloud.one_result_each(lines, [*keys, *bad])


def test_the_cost_and_the_time_are_told_beforehand(tmp_path):
    with cloud.Bulk(tmp_path / "log", support.fixture("yolox")[0], ("--workers", "1")) as bulk:
        put_many(bulk, [f"there/{number}.jpg" for number in range(30)], [b"photo"])
        url = bulk.sqs("CreateQueue", QueueName="nobody-reads")["QueueUrl"]
        uploader = Uploader(bulk, "there", url, tmp_path)
        done = uploader.run("--dry-run")
        assert not queued(bulk, url) and not uploader.journal.exists()
    for part in ("would queue         30 photos in 3 messages", "$1.56 this way, $8.78 with S3 Batch Operations"):
        assert part in done.stdout, done.stdout


def test_objects_are_paths_of_detect_and_compare(tmp_path, pictures):
    (photo, expected), (other, _) = pictures[:2]
    with cloud.Bulk(tmp_path / "log", support.fixture("yolox")[0], ("--workers", "1")) as bulk:
        for key, body in {"there/a b+é.png": photo, "there/sub/2.png": other, "there/notes.txt": b"text", "there/bad.jpg": b"no"}.items():
            put_many(bulk, [key], [body])
        store = ("--endpoint-url", bulk.places["S3 and SQS"])
        environment = support.environment(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", MODEL=support.fixture("yolox")[0])

        def detect(*arguments):
            command = [support.binary("uploader"), "detect", *arguments, *store, "--format", "jsonl"]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            return done, {line["photo"]: line for line in map(json.loads, done.stdout.splitlines())}

        done, lines = detect("s3://photos/there", "s3://photos/nothing/here.jpg", "--annotate", tmp_path / "drawn")
        assert done.returncode == 1, done.stderr
        codes = {photo: line.get("error", {}).get("code") for photo, line in lines.items()}
        assert codes == {
            "s3://photos/there/a b+é.png": None,
            "s3://photos/there/bad.jpg": "unsupported_image",
            "s3://photos/there/sub/2.png": None,
            "s3://photos/nothing/here.jpg": "not_found",
        }
        support.same_boxes(lines["s3://photos/there/a b+é.png"]["detections"], expected)
        assert "1 object is not named like a photo" in done.stderr
        assert {path.relative_to(tmp_path / "drawn").as_posix() for path in (tmp_path / "drawn").rglob("*.jpg")} == {"a b+é.jpg", "sub/2.jpg"}
        done, lines = detect("s3://photos/there/a b+é.png")
        assert (done.returncode, list(lines)) == (0, ["s3://photos/there/a b+é.png"]), done.stderr
        (tmp_path / "list").write_text("s3://photos/there/sub/2.png\n")
        done, lines = detect("--from-file", tmp_path / "list")
        assert (done.returncode, list(lines)) == (0, ["s3://photos/there/sub/2.png"]), done.stderr
        done, _ = detect("s3://photos/nothing/here.jpg")
        assert done.returncode == 2 and "No such object" in done.stderr
        done, _ = detect("s3://nowhere/x")
        assert done.returncode == 2 and 'no bucket "nowhere"' in done.stderr

        report = tmp_path / "report.json"
        command = [support.binary("uploader"), "compare", "s3://photos/there/a b+é.png", "s3://photos/there/sub/", "--local", "a=", "--local", "b="]
        done = subprocess.run([*command, *store, "--report", report, "--ladder", "0"], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(report.read_text())["settings"]["photos"] == 2
