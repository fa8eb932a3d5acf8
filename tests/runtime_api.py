"""Lambda's runtime API: events for a function, and what it asked and answered."""

import base64
import http.server
import json
import queue
import subprocess
import threading
import time

import support


class RuntimeApi:
    """Serves on a free port while it is open."""

    def __init__(self, *events):
        self.events, self.asked, self.answers = list(events), queue.Queue(), queue.Queue()
        self.over = threading.Event()

    def __enter__(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.removeprefix("/2018-06-01/runtime")
                api.asked.put(path)
                headers, body = {}, b""
                if path == "/invocation/next":
                    if not api.events:
                        # No more: the function waits.
                        api.over.wait(60)
                        return
                    body = json.dumps(api.events.pop(0)).encode()
                    headers = {
                        "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                        "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 30_000),
                        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
                    }
                self.reply(200, body, headers)

            def do_POST(self):
                api.asked.put(self.path.removeprefix("/2018-06-01/runtime"))
                api.answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.reply(202, b"{}", {})

            def reply(self, status, body, headers):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def start(self, name, before=(), **variables):
        """A function under it; `before` is the start of its command."""
        environment = support.environment(
            AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{self.server.server_address[1]}", AWS_LAMBDA_FUNCTION_NAME=name,
            AWS_LAMBDA_FUNCTION_VERSION="1", AWS_LAMBDA_FUNCTION_MEMORY_SIZE="1769", RESULTS_URI="s3://results/", AWS_REGION="us-east-1",
            AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", MODEL=str(support.ROOT / "model" / "spotter-nano"), **variables,
        )  # fmt: skip
        return subprocess.Popen([*before, support.binary(name)], env=environment, stderr=subprocess.PIPE, text=True)

    def next(self, process, kind="asked", seconds=60):
        """What the function asks or answers next."""
        try:
            return getattr(self, kind).get(timeout=seconds)
        except queue.Empty:
            process.kill()
            raise AssertionError(f"nothing came:\n{process.communicate()[1][-2000:]}") from None


def request(method, path, body=b""):
    """A Function URL's event, payload format 2.0."""
    return {
        "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {"content-type": "image/png", "host": "f.lambda-url.us-east-1.on.aws"},
        "requestContext": {"http": {"method": method, "path": path}}, "body": base64.b64encode(body).decode(), "isBase64Encoded": True,
    }  # fmt: skip
