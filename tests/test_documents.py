"""README.md and docs/: every command is run as it is written, in order, or listed here with the reason why it is not."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import documents
import pytest
import support

DOCUMENTS = [support.ROOT / "README.md", *sorted((support.ROOT / "docs").glob("*.md"))]

# What cannot be run here: a pattern of the whole command, and why.
NOT_RUN = [
    (r"make image\b.*|.*&& make image .*", "needs docker and takes minutes; .ci/run makes the image and tests it"),
    (r"make (un)?deploy\b.*", "needs an AWS account; tests/test_deploy.py runs both against an emulated one"),
    (r"docker run .*", "needs the image: tests/test_image.py"),
    (r"make compare URL=https://…\S*", "needs a function in AWS; `uploader compare` is run with two on this machine"),
    (r".*uploader (bulk|collect) .*", "needs buckets: tests/test_bulk.py has them, and `make demo-bulk` is run"),
    (r"uploader compact .*", "needs results: tests/test_tables.py has them, and `make demo-bulk` runs it"),
    (r"uploader evaluate .*", "needs photos of which is known what is in them: tests/test_evaluate.py has some"),
    (r"make (lint|test|bench|soak)", "takes minutes; .ci/run runs lint, test, and soak for two minutes"),
    (r"make pictures", "writes into the tree, and needs a desktop's fonts to look the same"),
]

# The default model. Where it is not, the one in the tree takes its place, and what README.md shows of it is compared.
WEIGHTS = support.assets("models/yolox_nano.onnx")

# Servers that run until Ctrl-C.
SERVERS = {"make local", "uploader local", "target/release/uploader local --bulk"}


def reason(command):
    return next((why for pattern, why in NOT_RUN if re.fullmatch(pattern, command)), None)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with photos, and what the documents call best.onnx."""
    home = tmp_path_factory.mktemp("home")
    (home / "Pictures" / "at home").mkdir(parents=True)
    samples = support.ROOT / ".tools" / "samples"
    shutil.copy(samples / "coffee.png", home / "Pictures")
    shutil.copy(samples / "chelsea.png", home / "Pictures" / "at home" / "my cat.png")
    programs = home / "programs"
    programs.mkdir()
    # What cargo would build is built. The emulator asks it for more than that, and another home has no toolchain.
    rust = {name: os.environ.get(name) or pathlib.Path.home() / f".{name.split('_')[0].lower()}" for name in ("CARGO_HOME", "RUSTUP_HOME")}
    exports = "".join(f"export {name}={shlex.quote(str(path))}\n" for name, path in rust.items())
    cargo = shlex.quote(shutil.which("cargo"))
    (programs / "cargo").write_text(f'#!/bin/sh\n[ "$1" = build ] && exit 0\n{exports}exec {cargo} "$@"\n')
    (programs / "nasm").write_text("#!/bin/sh\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    return home


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    tree = tmp_path_factory.mktemp("clone") / "spotter"
    tree.mkdir()
    documents.copy_of_the_tree(tree)
    shutil.copy(tree / "model" / "fixtures" / "bare" / "yolo.onnx", tree / "best.onnx")
    return tree


def opened(tree, home, **more):
    # What `make install` has installed, once README.md's turn has been; else what was built.
    path = f"{home / 'programs'}:{home / '.local' / 'bin'}:{os.environ['PATH']}:{tree / 'target' / 'release'}"
    return documents.Terminal(tree, **{"HOME": str(home), "PATH": path, "MODEL_DIR": str(WEIGHTS.parent) if WEIGHTS.exists() else "", **more})


@pytest.fixture
def terminal(tree, home):
    terminal = opened(tree, home)
    yield terminal
    terminal.close()


def shown(output, block):
    """Asserts that what a block shows was printed, line by line, nothing else on a line."""
    printed = {line.strip() for line in output.splitlines()}
    missing = [line for line in block.splitlines() if line.strip() not in printed]
    assert not missing, f"not printed: {missing}\n{output}"


def same_answer(answer, written):
    """Asserts that an answer is as it is written down, but for its times."""
    assert answer.keys() == written.keys() and answer["timings_ms"].keys() == written["timings_ms"].keys()
    assert answer["image"] == written["image"] and answer["thresholds"] == written["thresholds"]
    support.same_boxes(answer["detections"], written["detections"])
    assert answer["model"]["name"] == written["model"]["name"]
    assert answer["model"]["sha256"].startswith(written["model"]["sha256"].rstrip("…"))


def test_nothing_is_listed_for_nothing():
    every = [command for document in DOCUMENTS for command in documents.commands(document)]
    assert len(every) > 30
    for pattern, _ in NOT_RUN:
        assert any(re.fullmatch(pattern, command) for command in every), f"no command is like {pattern}"
    for command in SERVERS:
        assert command in every, command


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_command_works(document, terminal):
    for command in documents.commands(document):
        if reason(command):
            continue
        if not WEIGHTS.exists():
            command = command.replace("model=yolox-nano", "model=spotter-nano")
        if command in SERVERS:
            terminal.type(command)
            terminal.wait("http://127.0.0.1:9000/")
            terminal.interrupt()
            status, output = terminal.prompt()
            assert status in (0, 2, 130), f"{command}: {status}\n{output}"
            continue
        status, output = terminal.run(command)
        assert status == 0, f"{document.name}: {command}: exit status {status}\n{output}"
        if command == "make demo":
            shown(output, documents.blocks(document)[0 if WEIGHTS.exists() else 1])
        if "confidence=0.4" in command and WEIGHTS.exists():
            same_answer(json.loads(re.search(r"{\"image\".*}", output)[0]), json.loads(documents.blocks(document, "json")[0]))


def test_the_demo_without_the_model(tree, home, tmp_path):
    terminal = opened(tree, home, MODEL_DIR="", XDG_CACHE_HOME=str(tmp_path))
    try:
        status, output = terminal.run("make demo")
    finally:
        terminal.close()
    assert status == 0 and "spotter-nano" in output, output
    shown(output, documents.blocks(support.ROOT / "README.md")[1])


def test_every_format_is_described():
    refused = subprocess.run([support.binary("uploader"), "detect", "photo.jpg", "--format", "nothing"], capture_output=True, text=True)
    names = re.search(r"possible values: (.*)\]", refused.stderr)[1].split(", ")
    assert len(names) > 10
    text = (support.ROOT / "docs" / "formats.md").read_text()
    assert not [name for name in names if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)]


def test_links_lead_somewhere():
    headings = {}
    for document in [*DOCUMENTS, *support.ROOT.glob("*/README.md"), *support.ROOT.glob("*/*/README.md")]:
        titles = re.findall(r"^#+ (.*)", document.read_text(), re.MULTILINE)
        headings[document] = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    for document in headings:
        text = document.read_text()
        for link in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text):
            if link.startswith("http"):
                continue
            path, _, anchor = link.partition("#")
            to = (document.parent / path).resolve() if path else document
            assert to.exists(), f"{document}: {link}"
            assert not anchor or anchor in headings.get(to, {anchor}), f"{document}: {link}"
