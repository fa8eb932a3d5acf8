"""Many requests at once against the plain server: what is answered, and what it costs in memory.

    tests/load.py [--clients 64] [--photo FILE] [-- detect-http's arguments]

Starts `detect-http`, sends 10,000 requests, and prints `name value` lines: answers by status, photos per second, percentiles
in milliseconds, resident memory after 2,000 and after 10,000, and p99/p50 at half of that rate."""

import argparse
import collections
import http.client
import pathlib
import tempfile
import threading
import time
import urllib.parse

import support


def storm(base, body, clients, requests, rate=None, times=None):
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
            connection.request("POST", "/detect", body, {"Content-Type": "application/octet-stream"})
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
        first = storm(server.base, body, given.clients, 2000)
        early = server.megabytes()
        all_told = first + storm(server.base, body, given.clients, 8000)
        rate = all_told[200] / (time.monotonic() - start)
        late = server.megabytes()
        calm = storm(server.base, body, given.clients, 2000, rate=rate / 2, times=times)
        for status, number in sorted((all_told + calm).items(), key=str):
            print(f"answers/{status} {number}")
        times.sort()
        p50, p99 = (1000 * times[int(len(times) * share)] for share in (0.5, 0.99))
        print(f"photos_per_second {rate:.1f}")
        print(f"half_load_p50_ms {p50:.2f}\nhalf_load_p99_ms {p99:.2f}\nhalf_load_p99/p50 {p99 / p50:.2f}")
        print(f"rss_2000_mb {early:.1f}\nrss_10000_mb {late:.1f}\nrss_10000/2000 {late / early:.3f}")
        assert server.close() == 0


if __name__ == "__main__":
    main()
