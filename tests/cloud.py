"""The bulk path under test: `uploader local --bulk`, and a thin client of the S3 and SQS that it starts (moto's)."""

import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import signal
import sys
import time
import urllib.parse
import xml.etree.ElementTree

import broken
import samples
import support

MOTO = support.ROOT / ".tools" / "moto" / "bin" / "moto_server"
XML = "{http://s3.amazonaws.com/doc/2006-03-01/}"
# moto checks no signature, but lets nobody without one delete.
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=none"


class Bulk(support.Local):
    """`uploader local --bulk` on free ports. With `faults`, a folder (see faults.py), these stand between everybody and
    moto, except for the client here. With `objects`, a file (see preloaded.py), moto has these from the beginning."""

    def __init__(self, log, model=None, arguments=(), faults=None, objects=None, **variables):
        assert MOTO.exists() or shutil.which("moto_server"), "moto is missing: tools/setup tests"
        moto = MOTO if MOTO.exists() else pathlib.Path(shutil.which("moto_server"))
        path = support.environment()["PATH"]
        if faults:
            play = faults / "bin" / "moto_server"
            play.parent.mkdir(parents=True)
            program = support.ROOT / "tests" / "faults.py"
            play.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{program}' '{faults}' '{moto}' \"$@\"\n")
            play.chmod(0o755)
            moto = play
        if objects:
            play = objects.with_name("bin") / "moto_server"
            play.parent.mkdir(parents=True)
            python = moto.read_text().splitlines()[0].removeprefix("#!").strip()
            program = support.ROOT / "tests" / "preloaded.py"
            play.write_text(f"#!/bin/sh\nexec '{python}' '{program}' '{objects}' \"$@\"\n")
            play.chmod(0o755)
            moto = play
        super().__init__(log, model, ("--bulk", *arguments), PATH=f"{moto.parent}:{path}", **variables)
        self.places = {}
        for line in self.process.stdout:
            name, _, place = line.partition(": ")
            self.places[name] = place.strip()
            if line.startswith("Press Ctrl-C"):
                break
        url = urllib.parse.urlsplit(self.places["S3 and SQS"])
        self.address = (url.hostname, int((faults / "port").read_text()) if faults else url.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def functions(self):
        return [pid for pid, name in self.family().items() if name == "detect-bulk"]

    def invoke(self, event):
        """detect-bulk's answer to an event, or the error that is its answer."""
        url = urllib.parse.urlsplit(self.places["raw events"])
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        connection.request("POST", url.path, json.dumps(event), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null")

    def ask(self, method, path, body=b"", expect=200, **headers):
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        connection.request(method, path, body, {"Authorization": SIGNED.format("s3")} | headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        assert response.status == expect, f"{method} {path}: {response.status} {answer[:500]}"
        return answer, {name.lower(): value for name, value in response.getheaders()}

    # S3

    def put(self, key, data, bucket="photos"):
        """Stores an object; its version, in a versioned bucket."""
        return self.ask("PUT", f"/{bucket}/{urllib.parse.quote(key)}", data)[1].get("x-amz-version-id")

    def put_all(self, photos):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda item: self.put(*item), photos.items()))

    def put_and_delete(self, key):
        """Stores an object that is gone when its turn comes: the functions are held meanwhile."""
        for pid in self.functions():
            os.kill(pid, signal.SIGSTOP)
        self.put(key, b"soon gone")
        self.delete(key)
        for pid in self.functions():
            os.kill(pid, signal.SIGCONT)

    def put_in_parts(self, key, *parts):
        path = f"/photos/{urllib.parse.quote(key)}"
        upload = xml.etree.ElementTree.fromstring(self.ask("POST", path + "?uploads")[0]).findtext(f"{XML}UploadId")
        told = ""
        for number, part in enumerate(parts, 1):
            tag = self.ask("PUT", f"{path}?partNumber={number}&uploadId={upload}", part)[1]["etag"]
            told += f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
        self.ask("POST", f"{path}?uploadId={upload}", f"<CompleteMultipartUpload>{told}</CompleteMultipartUpload>")

    def delete(self, key, bucket="photos"):
        self.ask("DELETE", f"/{bucket}/{urllib.parse.quote(key)}", expect=204)

    def get(self, key, bucket="results"):
        return self.ask("GET", f"/{bucket}/{urllib.parse.quote(key)}")

    def keys(self, bucket="results"):
        keys, token = [], ""
        while token is not None:
            page = f"/{bucket}?list-type=2" + (f"&continuation-token={urllib.parse.quote(token)}" if token else "")
            answer = xml.etree.ElementTree.fromstring(self.ask("GET", page)[0])
            keys += [entry.text for entry in answer.iter(f"{XML}Key")]
            token = answer.findtext(f"{XML}NextContinuationToken")
        return keys

    def lines(self):
        """{key: its lines} of all parts."""
        lines = collections.defaultdict(list)
        for part in self.keys():
            for text in self.get(part)[0].decode().splitlines():
                line = json.loads(text)
                lines[line["source"]["key"]].append(line)
        return dict(lines)

    # SQS

    def sqs(self, action, queue="queue", **members):
        headers = {"X-Amz-Target": f"AmazonSQS.{action}", "Content-Type": "application/x-amz-json-1.0", "Authorization": SIGNED.format("sqs")}
        body = json.dumps({"QueueUrl": self.places[queue]} | members)
        return json.loads(self.ask("POST", "/", body, **headers)[0] or b"{}")

    def send(self, body):
        self.sqs("SendMessage", MessageBody=body if isinstance(body, str) else json.dumps(body))

    def count(self, queue="queue"):
        """How many messages there are, hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(map(int, self.sqs("GetQueueAttributes", queue, AttributeNames=names)["Attributes"].values()))

    def wait(self, condition, patience=150):
        """Waits until the condition holds."""
        deadline = time.monotonic() + patience
        while not (held := condition()):
            assert time.monotonic() < deadline, f"it did not come to pass; the log ends\n{self.log.read_text()[-3000:]}"
            assert self.process.poll() is None, f"uploader local ended\n{self.log.read_text()[-3000:]}"
            time.sleep(0.1)
        return held

    def drained(self):
        """Waits until the queue is empty."""
        self.wait(lambda: self.count() == 0)


def notification(key, version=None, bucket="photos", name="ObjectCreated:Put"):
    """What S3 says of a new object."""
    entity = {"key": urllib.parse.quote_plus(key), "size": 0} | ({"versionId": version} if version else {})
    return {"Records": [{"eventName": name, "s3": {"bucket": {"name": bucket}, "object": entity}}]}


def identity(line):
    """By what readers drop repeats."""
    return line["source"]["bucket"], line["source"]["key"], line["source"].get("etag"), line["model"]["sha256"]


def one_result_each(lines, photos):
    """Asserts that there is one result for each photo, repeats dropped; gives them by key."""
    assert set(lines) == set(photos), "photos without a line, or lines without a photo"
    for key, repeats in lines.items():
        assert len({identity(line) for line in repeats}) == 1, f"{key}: {repeats}"
        assert all(("error" in line) != ("detections" in line) for line in repeats), f"{key}: {repeats}"
    return {key: repeats[0] for key, repeats in lines.items()}


def small_photos():
    """The assets' 296 where they are, else pieces of the samples."""
    paths = sorted(support.assets("photos/small").glob("*")) or samples.small()
    return {f"in/{path.name}": path.read_bytes() for path in paths}


def hostile_files():
    """20 files: some that are broken on purpose, which nobody may take for a photo, and some that some decoders read. PngSuite's, and
    JPEGs for fuzzing, where the assets are; else of those that broken.py makes."""
    wrong = sorted(support.assets("hostile/pngsuite").glob("x*.png"))[:14]
    others = sorted(support.assets("hostile/jpeg").glob("*"))[: 20 - len(wrong)]
    if wrong and others:
        return tuple({f"in/hostile/{path.name}": path.read_bytes() for path in paths} for paths in (wrong, others))
    made = {f"in/hostile/{name}": data for name, data in broken.photos()}
    # What has several pictures is whole as long as the first is.
    cut = [name for name in made if "-cut-middle." in name and not name.endswith(("animated-cut-middle.gif", "pages-cut-middle.tif"))]
    by_chance = [name for name in made if "-chance-" in name and name.endswith(".jpg")]
    return tuple({name: made[name] for name in names} for names in (cut[:14], by_chance[:6]))
