"""Every shape of HEIC, AVIF, TIFF, BMP and GIF through the server: what comes back is what Pillow reads. And what broken ones do."""

import io

import formats
import mutations
import PIL.Image
import PIL.ImageFile
import pytest
import support

pytestmark = pytest.mark.formats

MUTATIONS, SEED = 100, 20261130


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files, their references and their manifest."""
    folder = tmp_path_factory.mktemp("formats")
    formats.write(folder)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = support.Server(tmp_path_factory.mktemp("server") / "log", model=support.fixture("yolox")[0])
    yield server
    assert server.close() == 0


@pytest.mark.parametrize("kind", formats.FORMATS)
def test_photos_are_what_pillow_reads(server, folder, kind):
    wrong, read = [], 0
    for entry in formats.manifest(folder, kind):
        # No score is above 1, so nothing is drawn.
        reply = server.client.post((folder / entry["file"]).read_bytes(), "/detect?annotate=true&confidence=1", "application/octet-stream")
        if entry["unread"]:
            assert f"file type: {kind.upper()} image" in reply.problem(415, "unsupported_image").json["detail"], entry["file"]
            continue
        if entry["reference"] is None:
            if reply.status != 200:
                reply.problem(reply.status, reply.json["code"])
                assert reply.status in (415, 422), entry["file"]
            continue
        if reply.status != 200:
            wrong.append(f"{entry['file']}: {reply.status} {reply.json['detail']}")
            continue
        size = PIL.Image.open(io.BytesIO(reply.body)).size
        if size != (entry["width"], entry["height"]):
            wrong.append(f"{entry['file']}: {size} instead of {entry['width']} x {entry['height']}")
            continue
        found = formats.difference(reply.body, PIL.Image.open(folder / entry["reference"]))
        if found > entry["tolerance"]:
            wrong.append(f"{entry['file']}: differs by {found:.2f}, more than {entry['tolerance']}")
        read += 1
    assert not wrong, "\n".join([f"{len(wrong)} wrong, {read} read:", *wrong])


def test_sizes_come_without_a_picture_as_well(server, folder):
    for entry in formats.manifest(folder):
        if entry["reference"] and "orientation" in entry["file"]:
            image = server.client.post((folder / entry["file"]).read_bytes()).ok()["image"]
            assert image == {"width": entry["width"], "height": entry["height"]}, entry["file"]


@pytest.mark.parametrize("kind", formats.FORMATS)
def test_broken_ones_get_an_answer(server, folder, kind):
    statuses = mutations.run(server, [folder / entry["file"] for entry in formats.manifest(folder, kind)], MUTATIONS, SEED)
    print(kind, statuses)
    assert sum(statuses.values()) == MUTATIONS


def test_mutations_are_the_same_each_time(folder):
    paths = [folder / entry["file"] for entry in formats.manifest(folder, "tiff")]
    first, again, other = ([mutations.mutant(paths, number, seed) for number in range(20)] for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("name", ["scans-420", "no-dht", "sampling-3x1", "no-eoi-trailer"])
def test_handed_out_jpegs_are_drawn_as_they_are_read_elsewhere(server, monkeypatch, name):
    support.require_assets()
    path = support.assets(f"cases/jpeg/{name}.jpg")
    # Pillow wants to be told that a file without its end marker will do.
    monkeypatch.setattr(PIL.ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    reply = server.client.post(path.read_bytes(), "/detect?annotate=true&confidence=1", "image/jpeg")
    assert reply.status == 200, reply.body
    assert formats.difference(reply.body, PIL.Image.open(path).convert("RGB")) < 3
