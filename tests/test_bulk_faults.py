"""The bulk path with trouble between everybody and S3: nothing is lost, nothing acknowledged before it is stored."""

import collections
import hashlib
import itertools
import json
import os
import random
import re
import signal
import urllib.parse

import cloud
import support

FAULTS = "refuse", "reset", "stall", "often"


class S3Faults:
    """Which photos meet which fault, by their order: known to the test, and the same in every run."""

    def __init__(self, keys):
        self.keys = {fault: keys[number::100] for number, fault in enumerate(FAULTS)}
        self.held = keys[-1]

    def rules(self):
        def exact(key):
            return f"^/photos/{re.escape(key)}[?]"

        slow = ["refuse", 503, "SlowDown"]
        faults = {
            "refuse": [slow, slow],
            "reset": [["reset"]],
            "stall": [["stall", 5]],  # longer than detect-bulk waits
            "often": [["refuse", 500, "InternalError"]] * 4,  # as often as it tries in one go
        }
        rules = [["GET", exact(key), faults[fault]] for fault, keys in self.keys.items() for key in keys]
        return [["GET", exact(self.held), [["late", 20]]], *rules, ["PUT", "^/results/", [slow, slow]]]


class History:
    """The proxy's log, told as a story."""

    def __init__(self, path):
        whole, _, _ = path.read_text().rpartition("\n")  # the last line may still be on its way
        self.entries = [json.loads(line) for line in whole.splitlines()]

    def gets(self, key):
        begun = (e["path"] for e in self.entries if (e["at"], e["method"]) == ("begin", "GET"))
        return sum(path.startswith(f"/photos/{key}?") for path in begun)

    def replay(self):
        """Asserts that at the instant of each deletion the photos it acknowledges were stored. Gives how often each key
        was handed out, how many messages were deleted, and how many results were refused."""
        stored, photos_of, received, deleted, refused = set(), {}, collections.Counter(), 0, 0
        for entry in self.entries:
            action = (entry["target"] or "").removeprefix("AmazonSQS.")
            if entry["method"] == "PUT" and entry["path"].startswith("/results/") and entry["at"] == "end":
                if entry["status"] == 200:
                    stored |= {json.loads(line)["source"]["key"] for line in entry["body"].splitlines()}
                else:
                    refused += 1
            elif action == "ReceiveMessage" and entry["at"] == "end":
                for message in json.loads(entry["answer"]).get("Messages", []):
                    records = json.loads(message["Body"]).get("Records", [])
                    keys = [urllib.parse.unquote_plus(record["s3"]["object"]["key"]) for record in records]
                    photos_of[message["ReceiptHandle"]] = keys
                    received.update(keys)
            elif action == "DeleteMessageBatch" and entry["at"] == "begin":
                for receipt in json.loads(entry["body"])["Entries"]:
                    deleted += 1
                    for key in photos_of[receipt["ReceiptHandle"]]:
                        assert key in stored, f"{key} was acknowledged before it was stored"
        return received, deleted, refused


def test_nothing_is_lost_while_s3_fails(tmp_path):
    """503, 500, broken and stalled bodies, results that cannot be stored at first, messages twice and in any order, and a
    worker killed in the middle of a batch."""
    broken, others = cloud.hostile_files()
    photos = cloud.small_photos()
    poison = broken | others
    faults = S3Faults(list(photos))
    (tmp_path / "rules.json").write_text(json.dumps(faults.rules()))
    held, log, model = faults.held, tmp_path / "log.jsonl", support.fixture("yolox")[0]
    arguments = ("--workers", "1", "--batch-size", "20", "--visibility", "8")
    with cloud.Bulk(tmp_path / "log", model, arguments, faults=tmp_path) as bulk:
        bulk.put_and_delete("in/gone.jpg")
        bulk.put_all({key: data for key, data in (photos | poison).items() if key != held})
        bulk.put(held, photos[held])
        troubled = {held, *itertools.chain(*faults.keys.values())}
        again = random.Random(7).sample([key for key in photos | poison if key not in troubled], 40)
        for key in again:  # twice, and not in their first order
            bulk.send(cloud.notification(key))
        bulk.wait(lambda: History(log).gets(held))
        (victim,) = bulk.functions()
        os.kill(victim, signal.SIGKILL)  # in mid-batch: it waits for that photo
        bulk.drained()
        assert bulk.count("dead letters") == 0
        assert bulk.functions() and victim not in bulk.functions(), "a new worker should have been started"
        lines = bulk.lines()

    results = cloud.one_result_each(lines, [*photos, *poison, "in/gone.jpg"])
    for key, data in photos.items():
        assert "detections" in results[key], results[key]
        assert results[key]["source"]["etag"] == hashlib.md5(data).hexdigest()
    assert all("error" in results[key] for key in [*broken, "in/gone.jpg"])

    history = History(log)
    received, deleted, refused = history.replay()
    assert set(received) == set(results)
    assert deleted >= len(photos) + len(poison) + len(again)
    assert refused >= 2 and refused % 2 == 0, "every part should have been refused twice"
    # The trouble was met, and what it stopped was tried again.
    for fault, tries in zip(FAULTS, (3, 2, 2, 5)):
        assert all(history.gets(key) >= tries for key in faults.keys[fault]), fault
    assert all(received[key] >= 2 for key in faults.keys["often"] + [held]), "they should have been handed back"
    # What is hopeless is looked at once each time it is handed out, whatever S3 does of its batch.
    assert all(history.gets(key) <= received[key] for key in [*poison, "in/gone.jpg"])
