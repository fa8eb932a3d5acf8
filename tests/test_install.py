"""`make install`, as a user of the installed uploader meets it: an empty prefix, another folder, no cargo, no Python, and
nothing of the tree used."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest
import support


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Where it was installed."""
    folder = tmp_path_factory.mktemp("installed") / "prefix"
    given = {"BINARIES": str(support.BINARIES), "LIBRARY": str(support.ROOT / ".tools" / "lib")}
    command = [support.ROOT / "tools" / "install", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | given)
    assert done.returncode == 0, done.stderr
    assert f"{folder}/bin is not on the PATH" in done.stdout
    return folder


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder with photos, outside of the tree."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for photo in (support.ROOT / ".tools" / "samples").iterdir():
        shutil.copy(photo, folder)
    return folder


@pytest.fixture(scope="module")
def surroundings(prefix, tmp_path_factory):
    """An environment that leads nowhere but to the prefix."""
    home = tmp_path_factory.mktemp("home")
    return {"PATH": str(prefix / "bin"), "HOME": str(home), "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def uploader(prefix, elsewhere, surroundings):
    """Runs the installed uploader."""

    def run(*arguments, expect=0):
        done = subprocess.run(
            ["uploader", *map(str, arguments)],
            executable=prefix / "bin" / "uploader", cwd=elsewhere, env=surroundings, capture_output=True, text=True, timeout=120,
        )
        assert done.returncode == expect, f"exit {done.returncode}, expected {expect}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def test_where_everything_is(prefix):
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    assert {"bin/uploader", "lib/spotter/detect-http", "lib/spotter/detect-bulk", "lib/spotter/libonnxruntime.so"} <= files
    cards = {card.parent.name for card in (support.ROOT / "model").glob("*/model.toml")}
    assert {f"share/spotter/model/{card}/model.toml" for card in cards} <= files and "yolox-nano" in cards
    assert "share/spotter/model/spotter-nano/model.onnx" in files
    assert {path for path in files if path.startswith("share/spotter/licences/")} == {
        f"share/spotter/licences/{path}" for path in ("LICENSE", "third-party.txt", "font/LICENSE", "onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt")
    }
    assert "share/spotter/sbom.cdx.json" in files
    assert not [path for path in prefix.rglob("*") if path.is_symlink()], "a link may lead into the tree"


def test_detect(uploader):
    answers = [json.loads(line) for line in uploader("detect", ".", "--format", "jsonl").splitlines()]
    assert len(answers) == 4
    assert {answer["model"]["name"] for answer in answers} == {"spotter-nano"}
    assert "uploader model pull yolox-nano" in answers[0]["model"]["note"]
    assert any(answer["detections"] for answer in answers)


def test_model_list(uploader, prefix):
    listed = uploader("model", "list")
    assert str(prefix / "share/spotter/model/spotter-nano/model.onnx") in listed
    assert "yolox-nano" in listed and str(support.ROOT) not in listed


def test_compare(uploader):
    other = support.fixture("yolox")[0]
    printed = uploader("compare", ".", "--local", "a=", "--local", f"b=,model={other}", "--ladder", 0)
    assert "a and b" in printed or "faster than" in printed, printed


def test_local_uses_nothing_of_the_tree(prefix, elsewhere, surroundings):
    command = [prefix / "bin" / "uploader", "local", "--port", "0", "--quiet"]
    process = subprocess.Popen(command, cwd=elsewhere, env=surroundings, stdout=subprocess.PIPE, text=True)
    try:
        base = process.stdout.readline().strip()
        client = support.Client(base)
        photo = (elsewhere / "chelsea.png").read_bytes()
        assert client.post(photo).ok()["model"]["name"] == "spotter-nano"
        server = children(process.pid)
        assert len(server) == 1
        for pid in [process.pid, *server]:
            used = opened(pid)
            assert any(path.startswith(str(prefix)) for path in used), used
            assert not [path for path in used if pathlib.Path(path).is_relative_to(support.ROOT)], f"{pid} uses the tree"
        assert any(path.endswith("lib/spotter/libonnxruntime.so") for path in opened(server[0]))
    finally:
        process.terminate()
        assert process.wait(20) == 143


def children(parent):
    """Process ids of a process's children."""
    tasks = pathlib.Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def opened(pid):
    """Paths of all files that a process has mapped or open, of its program and of its folder."""
    process = pathlib.Path(f"/proc/{pid}")
    maps = [line.split(maxsplit=5) for line in (process / "maps").read_text().splitlines()]
    paths = {fields[5] for fields in maps if len(fields) == 6 and fields[5].startswith("/")}
    for link in [process / "exe", process / "cwd", *(process / "fd").iterdir()]:
        with contextlib.suppress(OSError):
            paths.add(os.readlink(link))
    return paths


def test_uninstall_leaves_only_what_it_did_not_bring(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "other").write_text("somebody else's")
    given = {"BINARIES": str(support.BINARIES), "LIBRARY": str(support.ROOT / ".tools" / "lib")}
    for arguments in ([tmp_path], ["--uninstall", tmp_path]):
        subprocess.run([support.ROOT / "tools" / "install", *arguments], check=True, capture_output=True, env=os.environ | given)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == ["bin/other"]


def test_a_prefix_is_an_absolute_path():
    done = subprocess.run([support.ROOT / "tools" / "install", "here"], capture_output=True, text=True)
    assert done.returncode == 2 and "absolute" in done.stderr
