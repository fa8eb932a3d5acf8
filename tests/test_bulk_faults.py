"""The bulk path with trouble between everybody and S3: nothing is lost, nothing acknowledged before it is stored."""

import hashlib
import itertools
import json
import os
import random
import re
import signal

import cloud
import support
from history import History

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
