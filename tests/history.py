"""What passed through the proxy of faults.py, told as a story."""

import collections
import json
import urllib.parse


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
