"""moto's server with trouble in front of it: a proxy that plays `moto_server`, goes wrong where it is told to, and keeps
a log of what passed, in the order in which it happened.

    python tests/faults.py FOLDER MOTO_SERVER -H 127.0.0.1 -p PORT

FOLDER/rules.json   [[method, regular expression of the decoded path, [fault, …]], …]: the n-th request of a path meets
                    the n-th fault of the first rule that fits; null is none, and so is what comes after the last
FOLDER/fault.json   a fault that every request to S3 meets for as long as the file is there
FOLDER/log.jsonl    requests (`begin`) and answers (`end`)
FOLDER/port         the port of moto itself: the way around the proxy

A fault is ["refuse", status, code], ["reset"] (half of the body, then a broken connection), ["stall", seconds] (half of
the body, then nothing for a while), ["late", seconds] or ["down"] (no answer, the connection is closed). As S3 does, it
refuses requests that were signed more than a quarter of an hour ago, or as long in the future: RequestTimeTooSkewed.
"""

import argparse
import collections
import contextlib
import ctypes
import datetime
import http.client
import http.server
import json
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.parse

SKEW = datetime.timedelta(minutes=15)


class Log:
    def __init__(self, path):
        self.file, self.lock = path.open("w", buffering=1), threading.Lock()

    def write(self, **entry):
        with self.lock:
            self.file.write(json.dumps(entry) + "\n")


class Rules:
    def __init__(self, path):
        rules = json.loads(path.read_text()) if path.exists() else []
        self.rules = [(method, re.compile(pattern), faults) for method, pattern, faults in rules]
        self.general, self.seen, self.lock = path.with_name("fault.json"), collections.Counter(), threading.Lock()

    def fault(self, method, path, signed):
        if signed and abs(datetime.datetime.now(datetime.UTC) - signed) > SKEW:
            return ["refuse", 403, "RequestTimeTooSkewed"]
        with contextlib.suppress(FileNotFoundError):
            return json.loads(self.general.read_text())
        for wanted, pattern, faults in self.rules:
            if method == wanted and pattern.search(path):
                with self.lock:
                    number = self.seen[method, path]
                    self.seen[method, path] += 1
                return faults[number] if number < len(faults) else None
        return None


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log = rules = port = None

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, target = urllib.parse.unquote(self.path), self.headers.get("X-Amz-Target")
        # The queue is not S3's.
        fault = None if target else self.rules.fault(self.command, path, signed(self.headers.get("X-Amz-Date")))
        what = {"method": self.command, "path": path, "target": target}
        # Results and what is said to the queue are the log's business, photos are not.
        text = body.decode() if target or path.startswith("/results/") else None
        self.log.write(at="begin", **what, fault=fault, body=text)
        kind = fault[0] if fault else None
        if kind == "down":
            self.close_connection = True
            return
        if kind == "refuse":
            status, headers = fault[1], []
            answer = f"<?xml version='1.0'?><Error><Code>{fault[2]}</Code><Message>No.</Message></Error>".encode()
        else:
            if kind == "late":
                time.sleep(fault[1])
            status, headers, answer = self.ask(body)
        self.log.write(at="end", **what, status=status, body=text, answer=answer.decode() if target else None)
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "content-length", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        length = len(answer) if self.command != "HEAD" else dict(headers).get("Content-Length", 0)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind in ("reset", "stall"):
            self.wfile.write(answer[: len(answer) // 2])
            time.sleep(fault[1] if kind == "stall" else 0.05)  # time for the first half to leave
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif kind == "stall":
            self.wfile.write(answer[len(answer) // 2 :])
        else:
            self.wfile.write(answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

    def ask(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() != "connection":
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        answer = response.status, response.getheaders(), response.read()
        connection.close()
        return answer

    def log_message(self, *_):
        pass


def signed(date):
    """When a request was signed, where it was."""
    try:
        return datetime.datetime.strptime(date or "", "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def end_with_parent():
    """prctl(PR_SET_PDEATHSIG, SIGKILL)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """Whoever asked is gone: killed, or tired of waiting. Both are meant."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("moto")
    parser.add_argument("-H", dest="host")
    parser.add_argument("-p", dest="port", type=int)
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        Proxy.port = probe.getsockname()[1]
    Proxy.log, Proxy.rules = Log(options.folder / "log.jsonl"), Rules(options.folder / "rules.json")
    # In our process group, which `uploader local` ends; where that is killed, the kernel ends us, and moto with us.
    moto = subprocess.Popen([options.moto, "-H", "127.0.0.1", "-p", str(Proxy.port)], preexec_fn=end_with_parent)
    while True:
        try:
            socket.create_connection(("127.0.0.1", Proxy.port)).close()
            break
        except OSError:
            assert moto.poll() is None, "moto ended"
            time.sleep(0.05)
    (options.folder / "port").write_text(str(Proxy.port))
    Server((options.host, options.port), Proxy).serve_forever()


if __name__ == "__main__":
    main()
