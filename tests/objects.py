"""S3 for a function under test: moto, and a stand-in that answers what no real one does when asked to."""

import contextlib
import http.client
import http.server
import socket
import subprocess
import threading
import time
import urllib.parse

import cloud


class Moto:
    """moto's server on a port of its own, until close()."""

    def __init__(self, folder):
        assert cloud.MOTO.exists(), "moto is missing: tools/setup tests"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        log = (folder / "moto.log").open("w")
        self.process = subprocess.Popen([cloud.MOTO, "-H", "127.0.0.1", "-p", str(self.port)], stdout=log, stderr=log)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            assert self.process.poll() is None and time.monotonic() < deadline, "moto does not start"
            time.sleep(0.05)

    def close(self):
        self.process.kill()
        self.process.wait()

    def ask(self, method, path, body=b"", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {"Authorization": cloud.SIGNED.format("s3")} | headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        assert response.status < 300, f"{method} {path}: {response.status} {answer[:500]}"
        return answer

    def bucket(self, name):
        self.ask("PUT", f"/{name}")

    def put(self, bucket, key, data, **headers):
        self.ask("PUT", f"/{bucket}/{urllib.parse.quote(key)}", data, **headers)

    def get(self, bucket, key):
        return self.ask("GET", f"/{bucket}/{urllib.parse.quote(key)}")


class StandIn:
    """Answers GETs by path: bytes, or (status, headers, body). Keeps the paths that were asked for. What is not there is 404."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = urllib.parse.unquote(self.path.split("?")[0])
                stand_in.asked.append(path)
                answer = stand_in.answers.get(path, (404, {}, error("NoSuchKey")))
                status, headers, body = answer if isinstance(answer, tuple) else (200, {}, answer)
                self.send_response(status)
                for name, value in ({"content-length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = "content-length" in headers

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def error(code):
    """S3's document of an error."""
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>Because.</Message></Error>'.encode()
