"""Many requests at once against the plain server: what is answered, and what it costs in memory.

    tests/load.py [--clients 64] [--photo FILE] [-- detect-http's arguments]

Starts `detect-http`, sends 10,000 requests, and prints `name value` lines: answers by status, photos per second, percentiles
in milliseconds, resident memory after 2,000 and after 10,000, and p99/p50 at half of that rate. Then, one kind of hostile
client after the other, how long others wait for their answers beside it, over what they wait without: 200 bodies of a byte
a second, 200 half-closed connections, bodies of 300 MB, heads without end."""

import argparse
import collections
import contextlib
import http.client
import pathlib
import socket
import statistics
import tempfile
import threading
import time
import urllib.parse

import support


class Watch:
    """Seconds since it was made or restarted."""

    def __init__(self):
        self.restart()

    def restart(self):
        self.begin = time.perf_counter()

    def seconds(self):
        return time.perf_counter() - self.begin


def send_all(base, body, clients, requests, rate=None, times=None, content_type="application/octet-stream"):
    """Sends requests over kept connections; gives {status: number}. With `rate` they begin by the clock, that many a second,
    and `times` gets the seconds since each was due."""
    url, lock, statuses = urllib.parse.urlsplit(base), threading.Lock(), collections.Counter()
    due, start = iter(range(requests)), time.monotonic()

    def client():
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        while True:
            with lock:
                number = next(due, None)
            if number is None:
                return connection.close()
            begin = start + number / rate if rate else time.monotonic()
            time.sleep(max(0, begin - time.monotonic()))
            connection.request("POST", "/detect", body, {"Content-Type": content_type})
            response = connection.getresponse()
            response.read()
            with lock:
                statuses[response.status] += 1
                if times is not None and response.status == 200:
                    times.append(time.monotonic() - begin)

    def reported():
        try:
            client()
        except (http.client.HTTPException, OSError) as error:
            with lock:
                statuses[type(error).__name__] += 1

    threads = [threading.Thread(target=reported) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def slow_body(url, stop):
    """A body of one byte a second."""
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(b"POST /detect HTTP/1.1\r\nHost: here\r\nContent-Type: image/jpeg\r\nContent-Length: 100000\r\n\r\n")
        while not stop.wait(1):
            connection.sendall(b"x")


def half_closed(url, stop):
    """Half a request, and nothing more to come."""
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(b"POST /detect HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n123")
        connection.shutdown(socket.SHUT_WR)
        stop.wait()


def huge_body(url, stop):
    """300 MB after a head that says so, as fast as they go."""
    while not stop.is_set():
        with socket.create_connection((url.hostname, url.port)) as connection:
            connection.sendall(b"POST /detect HTTP/1.1\r\nHost: here\r\nContent-Type: image/jpeg\r\nContent-Length: 300000000\r\n\r\n")
            for _ in range(300):
                if stop.wait(0.01):
                    break
                connection.sendall(bytes(1_000_000))


def endless_head(url, stop):
    """Headers, and further headers."""
    while not stop.is_set():
        with socket.create_connection((url.hostname, url.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n")
            while not stop.wait(0.01):
                connection.sendall(b"X-More: and more\r\n" * 100)


def beside_hostile_clients(base, body):
    """Prints the median of others' answers beside each kind of hostile client over the median without."""

    def median():
        times = []
        assert send_all(base, body, 1, 150, times=times)[200] == 150
        return statistics.median(times)

    usual = median()
    for name, client, number in [("slow", slow_body, 200), ("half_closed", half_closed, 200), ("huge", huge_body, 4), ("head", endless_head, 20)]:
        stop = threading.Event()

        def work():
            with contextlib.suppress(OSError):  # refused, as it should be
                client(urllib.parse.urlsplit(base), stop)

        threads = [threading.Thread(target=work) for _ in range(number)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        print(f"beside_{name}/usual {median() / usual:.2f}", flush=True)
        stop.set()
        for thread in threads:
            thread.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--photo", type=pathlib.Path, help="what is sent (default: a photo of the assets)")
    parser.add_argument("arguments", nargs="*", help="for detect-http")
    given = parser.parse_args()
    photo = given.photo or support.assets("photos/coco-dev/images/000000009590.jpg")
    body, times = photo.read_bytes(), []
    with tempfile.TemporaryDirectory() as folder:
        server = support.Server(pathlib.Path(folder) / "log", arguments=given.arguments)
        start = time.monotonic()
        first = send_all(server.base, body, given.clients, 2000)
        early = server.megabytes()
        all_told = first + send_all(server.base, body, given.clients, 8000)
        rate = all_told[200] / (time.monotonic() - start)
        late = server.megabytes()
        calm = send_all(server.base, body, given.clients, 2000, rate=rate / 2, times=times)
        for status, number in sorted((all_told + calm).items(), key=str):
            print(f"answers/{status} {number}")
        times.sort()
        p50, p99 = (1000 * times[int(len(times) * share)] for share in (0.5, 0.99))
        print(f"photos_per_second {rate:.1f}")
        print(f"half_load_p50_ms {p50:.2f}\nhalf_load_p99_ms {p99:.2f}\nhalf_load_p99/p50 {p99 / p50:.2f}")
        print(f"rss_2000_mb {early:.1f}\nrss_10000_mb {late:.1f}\nrss_10000/2000 {late / early:.3f}")
        beside_hostile_clients(server.base, body)
        assert server.close() == 0


if __name__ == "__main__":
    main()
