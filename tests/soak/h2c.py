"""Clients that speak HTTP/2 with prior knowledge: several requests at once on a connection, some of them given up."""

import random
import socket
import threading
import time
import urllib.parse

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from soak import kinds, photos

STREAMS = 8
# Larger bodies would be most of the time on the wire.
MOST_BYTES = 300_000


class Multiplexer(threading.Thread):
    """One connection after the other until `over`, each with some rounds of requests."""

    def __init__(self, base, figures, seed, over, dying):
        super().__init__(daemon=True)
        url = urllib.parse.urlsplit(base)
        self.address = url.hostname, url.port
        self.figures, self.chance, self.over, self.dying = figures, random.Random(seed), over, dying
        self.start()

    def run(self):
        while not self.over.is_set():
            deadly = self.dying.is_set()
            # Drawn beforehand: on a busy machine that may take longer than a new connection may be silent.
            first = [kinds.draw(self.chance) for _ in range(STREAMS)]
            try:
                with socket.create_connection(self.address, timeout=300) as connection:
                    Conversation(connection, self).rounds(first, self.chance.randint(0, 4))
            except (OSError, EOFError, h2.exceptions.ProtocolError) as error:
                if not (deadly or self.dying.is_set() or self.over.is_set()):
                    self.figures.fail(f"h2c: a connection to a server that lives broke: {error!r}")
                self.over.wait(0.1)
            except Exception as error:  # noqa: BLE001
                self.figures.fail(f"h2c: {error!r}")


class Conversation:
    def __init__(self, connection, owner):
        self.socket, self.owner = connection, owner
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.flush()
        self.kinds, self.unsent, self.heads, self.bodies = {}, {}, {}, {}

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def rounds(self, first, more):
        for drawn in [first, *([None] * more)]:
            for kind, request in drawn or [kinds.draw(self.owner.chance) for _ in range(STREAMS)]:
                self.ask(kind, request)
            while self.kinds and not self.owner.over.is_set():
                push(self.h2, self.unsent)
                self.flush()
                self.listen()
        self.h2.close_connection()
        self.flush()

    def ask(self, kind, request):
        if len(request.body) > MOST_BYTES:
            return
        stream = self.h2.get_next_available_stream_id()
        headers = [(":method", request.method), (":path", request.path), (":scheme", "http"), (":authority", "here")]
        headers += [(name.lower(), value) for name, value in request.headers.items()]
        self.h2.send_headers(stream, headers, end_stream=not request.body)
        if self.owner.chance.random() < 0.1:
            # A client that has changed its mind.
            self.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            self.owner.figures.answer("h2c/" + kind.name, "gave up")
            return
        self.kinds[stream], self.bodies[stream] = (kind, request), b""
        if request.body:
            self.unsent[stream] = request.body

    def listen(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("closed in the middle of a request")
        for event in self.h2.receive_data(data):
            stream = getattr(event, "stream_id", None)
            if isinstance(event, h2.events.ResponseReceived) and stream in self.kinds:
                self.heads[stream] = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                if stream in self.kinds:
                    self.bodies[stream] += event.data
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)) and stream in self.kinds:
                self.ended(stream, event)
            elif isinstance(event, h2.events.ConnectionTerminated):
                raise EOFError(f"the connection was ended: {event}")
        self.flush()

    def ended(self, stream, event):
        (kind, request), head = self.kinds.pop(stream), self.heads.pop(stream, None)
        body = self.bodies.pop(stream)
        self.unsent.pop(stream, None)
        name, figures = "h2c/" + kind.name, self.owner.figures
        if head is None:
            figures.answer(name, "reset")
            return figures.fail(f"{name}: {event} without an answer")
        status = int(head[":status"])
        figures.answer(name, status)
        wrong = kinds.verdict(kind, status, head, body)
        if wrong:
            if status >= 500:
                figures.add("5xx_not_declared")
            figures.fail(f"{name} {request.method} {request.path}: {wrong}")


def hold(address, over, seconds):
    """Asks for answers that are larger than the windows, reads no more than the windows let through, and goes on asking for small
    ones. What the server does within so long of the last that it took: "closed", or "open"."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    until, unsent = time.monotonic() + seconds, {}

    large = "POST", "/detect?annotate=true", photos.encoded(0, (1280, 960), "JPEG")

    def ask(method, path, body=b""):
        stream = connection.get_next_available_stream_id()
        headers = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "here"), ("content-type", "image/jpeg")]
        connection.send_headers(stream, headers, end_stream=not body)
        if body:
            unsent[stream] = body

    with socket.create_connection(address) as peer:
        peer.settimeout(1)
        for _ in range(2):
            ask(*large)
        later = time.monotonic() + 5
        while time.monotonic() < until and not over.is_set():
            push(connection, unsent)
            try:
                peer.sendall(connection.data_to_send())
                data = peer.recv(65536)
            except TimeoutError:
                data = None
            except OSError:
                return "closed"
            if data == b"":
                return "closed"
            if data:
                try:
                    events = connection.receive_data(data)  # and no window is opened again
                except h2.exceptions.ProtocolError:
                    return "closed"  # the server has said goodbye, and then something else
                for event in events:
                    # The server had too much to do: what it said is small, and was read.
                    if isinstance(event, h2.events.ResponseReceived) and dict(event.headers)[":status"] == "503":
                        until = time.monotonic() + seconds
                        ask(*large)
            if time.monotonic() > later:
                ask("HEAD", "/health")
                later += 5
    return "left" if over.is_set() else "open"


def push(connection, unsent):
    """Sends of the bodies what the windows allow."""
    for stream in list(unsent):
        while body := unsent.get(stream):
            room = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
            if room <= 0:
                break
            connection.send_data(stream, body[:room], end_stream=room >= len(body))
            unsent[stream] = body[room:]
        if not unsent.get(stream):
            unsent.pop(stream, None)
