"""A link between two programs of this machine: it takes time, has a rate, and lets a new connection start slowly.

    python tests/relay.py HOST:PORT [ROUND_TRIP_MS] [MBIT]     prints where it listens

A program cannot delay TCP's handshake, which the kernel answers: a connection's first byte waits for that round trip
instead. What TCP does on a real link is acted out, too: a new connection sends ten packets and waits for a round trip,
then twenty, then forty, until the rate is what limits it.
"""

import asyncio
import contextlib
import socket
import sys
import threading
import time

CHUNK = 16384
FIRST_WINDOW = 10 * 1460


class Way:
    """One direction of the link, shared by all connections."""

    def __init__(self, round_trip, rate):
        self.round_trip, self.rate, self.free = round_trip, rate, 0.0

    def departure(self, count, earliest):
        """When so many bytes have left."""
        self.free = max(self.free, earliest, time.monotonic()) + (count / self.rate if self.rate else 0)
        return self.free

    async def carry(self, reader, writer, established):
        under_way = asyncio.Queue()
        arrival = asyncio.create_task(self.deliver(under_way, writer))
        window, left, since = FIRST_WINDOW, FIRST_WINDOW, established
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                now = max(time.monotonic(), established)
                while left < len(chunk):
                    # The window is used up: the next, twice as large, opens with the first acknowledgement.
                    since = max(now, since + self.round_trip)
                    window *= 2
                    left += window
                left -= len(chunk)
                gone = self.departure(len(chunk), max(now, since if window > FIRST_WINDOW else now))
                under_way.put_nowait((gone + self.round_trip / 2, chunk))
                # Not read sooner than it leaves, so that the sender feels the rate.
                await asyncio.sleep(max(0, gone - time.monotonic()))
        under_way.put_nowait(None)
        await arrival

    @staticmethod
    async def deliver(under_way, writer):
        with contextlib.suppress(ConnectionError):
            while item := await under_way.get():
                at, chunk = item
                await asyncio.sleep(max(0, at - time.monotonic()))
                writer.write(chunk)
                await writer.drain()
        writer.close()


class Relay:
    """A relay to host and port, on a free port of this machine, until close()."""

    def __init__(self, host, port, round_trip=0.0, rate=None):
        self.to, self.round_trip = (host, port), round_trip
        self.up, self.down = Way(round_trip, rate), Way(round_trip, rate)
        self.loop, ready = asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()

    def _run(self, ready):
        async def listen():
            listener = socket.create_server(("127.0.0.1", 0))
            # Small: what a sender has sent should be under way, not in the relay's pocket.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * CHUNK)
            server = await asyncio.start_server(self._connection, sock=listener, limit=CHUNK)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()

        self.loop.run_until_complete(listen())
        self.loop.run_forever()

    async def _connection(self, reader, writer):
        established = time.monotonic() + self.round_trip
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.to, limit=CHUNK)
        except OSError:
            writer.close()
            return
        ways = self.up.carry(reader, far_writer, established), self.down.carry(far_reader, writer, established)
        await asyncio.gather(*ways)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


if __name__ == "__main__":
    host, port = sys.argv[1].rsplit(":", 1)
    milliseconds, mbit = [float(word) for word in (sys.argv[2:] + ["110", "20"][len(sys.argv) - 2 :])]
    relay = Relay(host, int(port), milliseconds / 1e3, mbit * 1e6 / 8)
    print(f"127.0.0.1:{relay.port}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        relay.thread.join()
