"""Broken photos, made of good ones, against the server under a watch on its memory.

    tests/mutations.py DIR NUMBER SEED [--kind heic] [--only N] [--keep DIR]

DIR is what `tests/formats.py DIR` wrote, or any folder of photos; of each kind (by the end of their names) NUMBER broken files
are made, always the same for a SEED, and posted to a server of their own. Every answer must be 200 or a defined 4xx and
come in time, the server must live, and its memory stay in bounds; the first that is otherwise ends the run with its number,
and `--keep` leaves it for a debugger. `--only` sends one number alone."""

import argparse
import collections
import pathlib
import random
import struct
import sys
import tempfile

import support

SECONDS, MEGABYTES = 5, 400
# Bytes and lengths at which readers trip.
BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
LENGTHS = (0, 1, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NOT_PHOTOS = (".json", ".png")


def boxes(data, start=0, end=None, depth=0):
    """Offsets of the 32-bit lengths in ISO boxes, children first looked for where they may be."""
    end = len(data) if end is None else end
    while start + 8 <= end and depth < 6:
        length, kind = struct.unpack_from(">I4s", data, start)
        if length < 8 or start + length > end or not kind.isalnum():
            return
        yield start, ">I"
        inside = {b"meta": 12, b"iprp": 8, b"ipco": 8, b"iinf": 14, b"moov": 8, b"trak": 8}.get(kind)
        if inside:
            yield from boxes(data, start + inside, start + length, depth + 1)
        elif kind in (b"iloc", b"ispe", b"ipma", b"hvcC", b"av1C", b"iref", b"pitm", b"infe"):
            yield from ((place, ">H") for place in range(start + 8, start + length - 1, 2))
        start += length


def directories(data):
    """Offsets of types, counts and values in TIFF's directories."""
    order = "<" if data[:2] == b"II" else ">"
    place = struct.unpack_from(order + "I", data, 4)[0]
    for _ in range(4):
        if not 8 <= place <= len(data) - 2:
            return
        count = struct.unpack_from(order + "H", data, place)[0]
        yield place, order + "H"
        end = place + 2 + 12 * count
        if end + 4 > len(data):
            return
        for entry in range(place + 2, end, 12):
            yield from ((entry, order + "H"), (entry + 2, order + "H"), (entry + 4, order + "I"), (entry + 8, order + "I"), (entry + 8, order + "H"))
        yield end, order + "I"
        place = struct.unpack_from(order + "I", data, end)[0]


def fields(data):
    """[(offset, struct code)] of numbers that say how long, how many or where; of other kinds, any in the head."""
    found = list(boxes(data)) if data[4:8] == b"ftyp" else []
    if data[:4] in (b"II*\0", b"MM\0*") and len(data) >= 8:
        found = list(directories(data))
    return found or [(place, code) for place in range(min(len(data) - 4, 64)) for code in ("<H", "<I")]


def flip(chance, data, _):
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def flip_early(chance, data, _):
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(min(len(data), 512))] = chance.choice(BYTES)


def cut(chance, data, _):
    del data[chance.randrange(len(data)) :]


def splice(chance, data, other):
    place = chance.randrange(len(data))
    data[place:] = other[chance.choice((place, chance.randrange(len(other)))) :]


def take_out(chance, data, _):
    place = chance.randrange(len(data))
    del data[place : place + chance.choice((1, 2, 4, 64, 1024))]


def double(chance, data, _):
    place = chance.randrange(len(data))
    data[place:place] = data[place : place + chance.choice((1, 4, 64, 1024))]


def lengthen(chance, data, _):
    places = fields(data)
    for _ in range(chance.choice((1, 1, 1, 3)) if places else 0):
        place, code = chance.choice(places)
        if place + struct.calcsize(code) > len(data):
            continue
        now = struct.unpack_from(code, data, place)[0]
        value = chance.choice((*LENGTHS, now + 1, now - 1, now * 2, now // 2, len(data), chance.randrange(2**16)))
        struct.pack_into(code, data, place, value % 2 ** (8 * struct.calcsize(code)))


WAYS = (flip, flip_early, cut, splice, take_out, double, lengthen, lengthen, lengthen)


def mutant(paths, number, seed):
    """The broken file of that number."""
    chance = random.Random(f"{seed}/{number}/{paths[0].suffix}")
    data, other = (bytearray(chance.choice(paths).read_bytes()) for _ in range(2))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if data:
            chance.choice(WAYS)(chance, data, other)
    return bytes(data)


def run(server, paths, count, seed, first=0, keep=None):
    """Posts that many; gives {status: number}."""
    statuses = collections.Counter()
    for number in range(first, first + count):
        data = mutant(paths, number, seed)
        what = f"{paths[0].suffix} number {number} of seed {seed} ({len(data)} bytes)"
        if keep:
            (keep / f"{number}{paths[0].suffix}").write_bytes(data)
        # Every other one is drawn, too.
        try:
            reply = server.client.post(data, "/detect?annotate=true" if number % 2 else "/detect")
        except (OSError, AssertionError) as error:
            raise AssertionError(f"{what}: no answer ({error!r}); exit status {server.process.poll()}") from error
        statuses[reply.status] += 1
        assert reply.status == 200 or 400 <= reply.status < 500, f"{what}: {reply.status} {reply.body[:300]}"
        assert reply.seconds <= SECONDS, f"{what} took {reply.seconds:.1f} s"
        if reply.status != 200:
            reply.problem(reply.status, reply.json["code"])
        peak = server.megabytes("VmHWM")
        assert peak <= MEGABYTES, f"{what}: {peak:.0f} MB"
    assert server.client.call("GET", "/health").status == 200
    return statuses


def kinds(folder):
    """{end of a name: files}."""
    found = collections.defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix not in NOT_PHOTOS and path.stat().st_size:
            found[path.suffix.lower()].append(path)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("number", type=int)
    parser.add_argument("seed")
    parser.add_argument("--kind", help="only names that end so")
    parser.add_argument("--only", type=int, metavar="N", help="this one alone")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="where to leave what is sent")
    given = parser.parse_args()
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    failed = False
    for suffix, paths in kinds(given.folder).items():
        if given.kind and suffix != "." + given.kind:
            continue
        with tempfile.TemporaryDirectory() as folder:
            server = support.Server(pathlib.Path(folder) / "log", model=support.fixture("yolox")[0])
            try:
                first, count = (0, given.number) if given.only is None else (given.only, 1)
                statuses = run(server, paths, count, given.seed, first, given.keep)
                told = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
                print(f"{suffix[1:]} {told}, peak {server.megabytes('VmHWM'):.0f} MB", flush=True)
            except AssertionError as error:
                failed = True
                print(f"{suffix[1:]} FAILED: {error}", flush=True)
            finally:
                server.close()
    sys.exit(failed)


if __name__ == "__main__":
    main()
