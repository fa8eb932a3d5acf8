"""A function as Lambda runs it: its process, and the runtime API that it asks for events."""

import base64
import contextlib
import http.server
import json
import pathlib
import queue
import subprocess
import threading
import time

import support

# What Lambda tells a function, but for its address.
LAMBDA = {
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    "AWS_LAMBDA_LOG_GROUP_NAME": "group",
    "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_LAMBDA_LOG_LEVEL": "INFO",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Api(http.server.ThreadingHTTPServer):
    """Does not mind that a function is ended in the middle of a request."""

    def handle_error(self, *_):
        pass


class Function:
    """`detect-http` or `detect-bulk`, until close(). What Lambda would log are the lines of its standard output and error."""

    def __init__(self, program, folder, model=None, **variables):
        self.events, self.answers = queue.Queue(), queue.Queue()
        api = Api(("127.0.0.1", 0), self._handler())
        threading.Thread(target=api.serve_forever, daemon=True).start()
        self.api = api
        given = LAMBDA | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": f"spotter-{program}",
            "MODEL": str(model or support.fixture("yolox")[0]),
        }
        self.output, self.error = pathlib.Path(folder) / f"{program}.out", pathlib.Path(folder) / f"{program}.err"
        with self.output.open("w") as out, self.error.open("w") as err:
            environment = {k: v for k, v in support.environment().items() if k not in ("RUST_LOG", "METRICS", "AWS_PROFILE")}
            self.process = subprocess.Popen([support.binary(program)], stdout=out, stderr=err, env=environment | given | variables)

    def _handler(self):
        function = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                request_id, event = function.events.get()
                body = json.dumps(event).encode()
                self.send_response(200)
                self.send_header("lambda-runtime-aws-request-id", request_id)
                self.send_header("lambda-runtime-deadline-ms", "600000")
                self.send_header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:f")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                function.answers.put((self.path, json.loads(body or b"null")))
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.api.shutdown()

    def invoke(self, event, request_id="11111111-2222-3333-4444-555555555555"):
        """The answer to an event, or the error that is its answer."""
        self.events.put((request_id, event))
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(queue.Empty):
                return self.answers.get(timeout=0.1)[1]
            assert self.process.poll() is None and time.monotonic() < deadline, self.text()

    def ended(self):
        """Waits until the process has ended by itself; gives its exit code."""
        return self.process.wait(timeout=60)

    def text(self):
        return self.output.read_text() + self.error.read_text()

    def lines(self):
        """Its log, every line of which must be JSON."""
        return [json.loads(line) for line in self.text().splitlines()]


def request(body=b"", path="/detect", method="POST", **headers):
    """A Function URL's event."""
    return {
        "version": "2.0",
        "rawPath": path.split("?")[0],
        "rawQueryString": path.partition("?")[2],
        "headers": {"host": "abc.lambda-url.eu-central-1.on.aws", "content-type": "application/octet-stream"} | headers,
        "requestContext": {"http": {"method": method}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def documents(lines):
    """Those lines that are documents of the embedded metric format."""
    return [line for line in lines if "_aws" in line]


def metrics(document):
    """{name: value} of a document, held against the format's limits."""
    [directive] = document["_aws"]["CloudWatchMetrics"]
    assert isinstance(document["_aws"]["Timestamp"], int)
    assert len(directive["Metrics"]) <= 100 and len(json.dumps(document)) < 256 * 1024
    for dimensions in directive["Dimensions"]:
        assert len(dimensions) <= 30 and all(isinstance(document[name], str) for name in dimensions)
    found = {}
    for metric in directive["Metrics"]:
        assert metric["Unit"] in ("Count", "Bytes", "Milliseconds"), metric
        value = document[metric["Name"]]
        values = value if isinstance(value, list) else [value]
        assert 1 <= len(values) <= 100 and all(type(number) in (int, float) for number in values), metric
        found[metric["Name"]] = value
    assert len(found) == len(directive["Metrics"])
    return found
