"""Clients that behave: over kept connections, one request after the other."""

import http.client
import random
import threading
import time
import urllib.parse

from soak import kinds

# Long enough for a machine that is busy with something else. While the server is killed and started again, a request is sent
# again as often as it takes, for as long.
PATIENCE = 300


class Client(threading.Thread):
    """Sends requests until `over`. `dying` is set while the server may be killed: then a broken connection is no failure, but
    a request that is never answered still is."""

    def __init__(self, base, figures, seed, over, dying):
        super().__init__(daemon=True)
        url = urllib.parse.urlsplit(base)
        self.figures, self.chance, self.over, self.dying = figures, random.Random(seed), over, dying
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE)
        self.start()

    def run(self):
        while not self.over.is_set():
            kind, request = kinds.draw(self.chance)
            try:
                self.answered(kind, request)
            except Exception as error:  # noqa: BLE001: a client that dies unnoticed would make the load look good
                self.figures.fail(f"{kind.name}: {error!r}")
            # Now and then a new connection, as by clients that keep none.
            if self.chance.random() < 0.05:
                self.connection.close()
        self.connection.close()

    def answered(self, kind, request):
        """Sends a request until it is answered."""
        until = time.monotonic() + PATIENCE
        while True:
            deadly = self.dying.is_set()
            try:
                status, headers, body = self.ask(kind, request)
            except (http.client.HTTPException, OSError) as error:
                self.connection.close()
                if kind.early and isinstance(error, OSError) and not isinstance(error, ConnectionRefusedError):
                    return self.figures.answer(kind.name, "closed")
                if not (deadly or self.dying.is_set()):
                    self.figures.answer(kind.name, "broken")
                    return self.figures.fail(f"{kind.name}: no answer from a server that lives: {error!r}")
                if time.monotonic() > until:
                    self.figures.add("unanswered")
                    return self.figures.fail(f"{kind.name}: never answered: {error!r}")
                self.figures.add("sent_again")
                time.sleep(0.05)
                continue
            break
        self.figures.answer(kind.name, status)
        wrong = kinds.verdict(kind, status, headers, body)
        if wrong:
            if status >= 500:
                self.figures.add("5xx_not_declared")
            self.figures.fail(f"{kind.name} {request.method} {request.path}: {wrong}")

    def ask(self, kind, request):
        try:
            self.connection.request(request.method, request.path, request.body or None, request.headers)
        except OSError:
            # Whoever is refused early may have been answered; whoever was never connected has not.
            if not kind.early or not self.connection.sock:
                raise
        response = self.connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
