"""Clients that are slow, gone, silent or greedy. Each is one connection with a known end; the outcome is counted."""

import contextlib
import random
import socket
import struct
import threading
import time
import urllib.parse

from soak import h2c, photos

HEAD = b"POST /detect%s HTTP/1.1\r\nHost: here\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


class Slow(threading.Thread):
    """One such client after the other until `over`. The server's own bounds (10 s for a head or a pause, 120 s for an answer
    that nobody reads) are waited for, unless the run is too `short`."""

    def __init__(self, base, figures, seed, over, dying, short):
        super().__init__(daemon=True)
        url = urllib.parse.urlsplit(base)
        self.address = url.hostname, url.port
        self.figures, self.chance, self.over, self.dying, self.short = figures, random.Random(seed), over, dying, short
        self.start()

    def run(self):
        while not self.over.is_set():
            way = self.chance.choice(WAYS)
            try:
                outcome = way(self)
            except OSError:
                # Refused or cut off in the middle: the server's right towards all of these.
                outcome = "cut off"
                self.over.wait(0.2)
            except Exception as error:  # noqa: BLE001
                outcome = "failed"
                self.figures.fail(f"{way.__name__}: {error!r}")
            self.figures.answer(f"slow/{way.__name__}", outcome)

    def connect(self, **options):
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(socket.socket())
            if "window" in options:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["window"])
            connection.settimeout(300)
            connection.connect(self.address)
            return stack.pop_all(), connection

    def end(self, connection, seconds):
        """What the server does within so long: its status, "closed", or "open". Failing at "open" is up to the caller."""
        connection.settimeout(0.5)
        until, said = time.monotonic() + seconds, b""
        while time.monotonic() < until and not self.over.is_set():
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                return said[9:12].decode() or "closed"
            said += piece[: 12 - len(said)] if len(said) < 12 else b""
        return "left" if self.over.is_set() else "open"

    def must_end(self, connection, seconds, what):
        outcome = self.end(connection, seconds)
        if outcome == "open":
            self.figures.fail(f"{what} is still connected after {seconds} s")
        return outcome

    def dribble(self):
        """A body of a byte a second."""
        stack, connection = self.connect()
        with stack:
            connection.sendall(HEAD % (b"", 100_000))
            for _ in range(40):
                connection.sendall(b"x")
                outcome = self.end(connection, 1)
                if outcome != "open":
                    return outcome
            return self.must_end(connection, 1, "a body of a byte a second")

    def pause(self):
        """Half of a body, and then nothing."""
        stack, connection = self.connect()
        with stack:
            whole = photos.encoded(0, (640, 480), "JPEG")
            connection.sendall(HEAD % (b"", len(whole)) + whole[: len(whole) // 2])
            return self.must_end(connection, 40, "half a body")

    def half_head(self):
        stack, connection = self.connect()
        with stack:
            connection.sendall(b"POST /detect HTTP/1.1\r\nHost: he")
            return self.must_end(connection, 40, "half a head")

    def silent(self):
        stack, connection = self.connect()
        with stack:
            return self.must_end(connection, 40, "a connection without a word")

    def endless_head(self):
        stack, connection = self.connect()
        with stack:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n")
            for _ in range(2000):
                connection.sendall(b"X-More: and more\r\n" * 20)
            return self.must_end(connection, 40, "a head without end")

    def half_closed(self):
        stack, connection = self.connect()
        with stack:
            connection.sendall(HEAD % (b"", 1000) + b"123")
            connection.shutdown(socket.SHUT_WR)
            return self.must_end(connection, 40, "a half-closed connection")

    def abort_upload(self):
        """Gone in the middle of its body, with a reset."""
        stack, connection = self.connect()
        with stack:
            whole = photos.large()
            connection.sendall(HEAD % (b"", len(whole)) + whole[: self.chance.randrange(1, len(whole))])
            self.reset(connection)
        return "gone"

    def abort_answer(self):
        """Gone before its answer, or in the middle of it."""
        stack, connection = self.connect()
        with stack:
            whole = photos.large()
            connection.sendall(HEAD % (b"?annotate=true", len(whole)) + whole)
            time.sleep(self.chance.random())
            self.reset(connection)
        return "gone"

    def deaf(self):
        """Asks for more than the socket holds, again and again, and reads nothing."""
        stack, connection = self.connect(window=4096)
        with stack:
            whole = photos.large()
            ask = HEAD % (b"?annotate=true", len(whole)) + whole
            connection.settimeout(5)
            with contextlib.suppress(TimeoutError):
                for _ in range(3):
                    connection.sendall(ask)
            if self.short:
                self.over.wait(20)
                return "left"
            # The end of the connection comes after all that the kernels hold of the answers, so it is read at last.
            self.over.wait(170)
            return self.must_end(connection, 60, "a client that reads nothing for 170 s")

    def deaf_streams(self):
        """The same over HTTP/2, and it goes on asking for what it does read."""
        outcome = h2c.hold(self.address, self.over, 20 if self.short else 180)
        if outcome == "open" and not self.short:
            self.figures.fail("a client that reads none of its large answers is still connected after 180 s")
        return outcome

    def sip(self):
        """Reads its answer slowly, but reads it."""
        stack, connection = self.connect(window=4096)
        with stack:
            whole = photos.encoded(0, (1280, 960), "JPEG")
            head = HEAD.replace(b"Host: here", b"Host: here\r\nConnection: close")
            connection.sendall(head % (b"?annotate=true", len(whole)) + whole)
            said = b""
            while piece := connection.recv(4096):
                said += piece
                time.sleep(0.005)
        head, _, body = said.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), -1)
        if length != len(body) and not self.dying.is_set():
            self.figures.fail(f"an answer that was read slowly ended after {len(body)} of {length} bytes")
        return said[9:12].decode()

    @staticmethod
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


WAYS = (Slow.dribble, Slow.pause, Slow.half_head, Slow.silent, Slow.endless_head, Slow.half_closed, Slow.abort_upload, Slow.abort_answer, Slow.deaf, Slow.deaf_streams, Slow.sip)
