"""The plain server under load: first for long, beside slow clients, and watched; then killed again and again."""

import signal
import socket
import threading
import time

import load
import support

from soak import photos
from soak.clients import Client
from soak.h2c import Multiplexer
from soak.slow import Slow
from soak.watcher import Watcher, usage

CLIENTS, MULTIPLEXERS, SLOW = 4, 1, 12
# Bodies and answers that clients hold (docs: 256 MB each), and what two sessions need beside them.
MOST_MEGABYTES = 900
# What clients hold comes and goes: so many MB may the median of the last quarter be above that of the first. Once all clients
# are gone, so many descriptors may there be more than before.
MOST_GROWTH, MOST_LEFT = 100, 8
# Clock jumps, in seconds: hours, days, decades, and back.
JUMPS = (3600, -3600, 86_400, 20 * 365 * 86_400, -86_400, 0)


class ServerPart:
    def __init__(self, figures, folder, seconds, seed, clock):
        self.figures, self.folder, self.seed, self.clock = figures, folder, seed, clock
        self.seconds, self.short = seconds, seconds < 600
        self.over, self.dying = threading.Event(), threading.Event()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.logs = []

    def run(self):
        try:
            self.steady(self.seconds * 0.75)
            self.killed(self.seconds * 0.25)
            for log in self.logs:
                panics = log.read_text(errors="replace").count("panicked at")
                self.figures.expect(panics == 0, f"{log.name}: {panics} panics")
        except Exception as error:  # noqa: BLE001
            self.figures.fail(f"the server's part ended early: {error!r}")
        finally:
            self.over.set()

    def start(self, log=None, **variables):
        log = log or self.folder / f"server-{len(self.logs)}.log"
        if log.parent == self.folder:
            self.logs.append(log)
        return support.Server(log, support.ROOT / "model" / "spotter-nano", port=self.port, RUST_LOG="info", **variables)

    def load(self, slow):
        over = threading.Event()
        clients = [Client(self.base, self.figures, f"{self.seed}/client/{n}", over, self.dying) for n in range(CLIENTS)]
        clients += [Multiplexer(self.base, self.figures, f"{self.seed}/h2c/{n}", over, self.dying) for n in range(MULTIPLEXERS)]
        clients += [Slow(self.base, self.figures, f"{self.seed}/slow/{n}", over, self.dying, self.short) for n in range(slow)]
        return over, clients

    def end(self, over, clients):
        over.set()
        for client in clients:
            client.join(400)
            self.figures.expect(not client.is_alive(), f"{type(client).__name__} hangs")

    def steady(self, seconds):
        """No request is lost, memory and descriptors stay in their bounds."""
        server = self.start()
        self.base = server.base
        until = time.monotonic() + seconds
        load.send_all(server.base, photos.large(), 4, 8)
        _, files, threads = usage(Watcher(server.process.pid).process)
        over, clients = self.load(SLOW)
        # Memory is compared from when everything has been asked for once.
        time.sleep(min(120, seconds / 6))
        watcher = Watcher(server.process.pid)
        while time.monotonic() < until:
            self.burst(server.base)
            over.wait(min(20, max(0, until - time.monotonic())))
        samples = watcher.stop()
        self.end(over, clients)
        self.figures.expect(server.process.poll() is None, f"the server ended by itself: {server.process.poll()}")
        rss, _, _ = zip(*samples)
        (self.folder / "usage.csv").write_text("".join(f"{mb:.1f},{files},{threads}\n" for mb, files, threads in samples))
        self.figures.quarters("rss_mb", rss)
        self.figures.set("rss_peak_mb", server.megabytes("VmHWM"))
        self.figures.set("descriptors_before", files)
        self.figures.set("descriptors_peak", max(sample[1] for sample in samples))
        self.figures.set("threads_before", threads)
        self.figures.set("threads_peak", max(sample[2] for sample in samples))
        after = self.rest(watcher.process, files + MOST_LEFT)
        self.figures.set("rss_after_mb", after[0])
        self.figures.set("descriptors_after", after[1])
        self.figures.set("threads_after", after[2])
        self.figures.bound("rss_peak_mb", MOST_MEGABYTES)
        self.figures.bound("rss_mb_last_quarter", self.figures.values["rss_mb_first_quarter"] + MOST_GROWTH)
        self.figures.bound("descriptors_after", files + MOST_LEFT)
        self.figures.bound("threads_after", self.figures.values["threads_peak"])
        self.ended(server, signal.SIGTERM)

    def rest(self, process, files):
        """The usage when the last client's connection has been noticed to be gone."""
        until = time.monotonic() + 60
        while (now := usage(process))[1] > files and time.monotonic() < until:
            time.sleep(0.5)
        return now

    def burst(self, base):
        """More at once than the queue holds."""
        for status, number in load.send_all(base, photos.unique(0), 100, 200).items():
            for _ in range(number):
                self.figures.answer("burst", status)
            self.figures.expect(status in (200, 503), f"burst: {number} times {status}")

    def killed(self, seconds):
        """Ended and killed in turn, started again at the same place, its clock jumping, its log's disk full every third time."""
        until = time.monotonic() + seconds
        number, server = 0, self.start(**self.clock.variables)
        self.dying.set()
        over, clients = self.load(0 if self.short else SLOW // 2)
        while time.monotonic() < until:
            for jump in JUMPS:
                self.clock.jump(jump)
                self.figures.add("clock_jumps", int(self.clock.there))
                time.sleep(min(2.0, max(0.0, until - time.monotonic()) / 2))
            self.ended(server, signal.SIGTERM if number % 2 else signal.SIGKILL)
            number += 1
            server = self.start(support.pathlib.Path("/dev/full") if number % 3 == 1 else None, **self.clock.variables)
        time.sleep(1)
        self.end(over, clients)
        self.dying.clear()
        self.ended(server, signal.SIGTERM)

    def ended(self, server, how):
        name = signal.Signals(how).name
        server.process.send_signal(how)
        try:
            status = server.process.wait(120)
        except support.subprocess.TimeoutExpired:
            server.process.kill()
            return self.figures.fail(f"the server did not end within 120 s of {name}")
        self.figures.add(f"ends_by_{name}")
        self.figures.expect(status == (0 if how == signal.SIGTERM else -how), f"exit status {status} after {name}")
