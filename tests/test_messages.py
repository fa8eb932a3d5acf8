"""What Spotter says to people, in tests/messages/, to be read as a whole: aloud, if possible.

    UPDATE=1 pytest tests/test_messages.py      writes the files anew; read the difference before committing it

    help.txt       every --help, and make help
    sessions.txt   commands and what they print, most of them wrong ones
    problems.txt   requests and the function's answers to them
    texts.txt      every text in the programs' source, by file: also those that no command above brings about
"""

import ast
import json
import os
import pathlib
import re
import shutil
import subprocess

import PIL.Image
import pytest
import support

FOLDER = support.ROOT / "tests" / "messages"
SAMPLE = support.ROOT / ".tools" / "samples" / "chelsea.png"
MODEL = support.ROOT / "model" / "spotter-nano"
NOWHERE = "http://127.0.0.1:1/"


def compare(name, text):
    """Holds a text against its file."""
    path = FOLDER / name
    if os.environ.get("UPDATE"):
        path.write_text(text)
    known = path.read_text() if path.exists() else ""
    assert text == known, f"{path} is not what is said now; UPDATE=1 pytest {__file__} writes it anew"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder with photos and what is none, and an environment that knows nothing else."""
    folder = tmp_path_factory.mktemp("workspace")
    photos = folder / "photos"
    (photos / "cats").mkdir(parents=True)
    PIL.Image.open(SAMPLE).save(photos / "cats" / "cat.jpg")
    (photos / "notes.txt").write_text("not a photo\n")
    (folder / "empty").mkdir()
    bad = folder / "bad"
    bad.mkdir()
    jpeg = (photos / "cats" / "cat.jpg").read_bytes()
    (bad / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (bad / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "page.jpg").write_text("<!DOCTYPE html><html>404 Not Found</html>")
    (folder / "list.txt").write_text("photos/cats/cat.jpg\nphotos/dog.jpg\n")
    (folder / "home").mkdir()
    day = folder / "results" / "date=2026-11-30"
    day.mkdir(parents=True)
    model = {"name": "m", "sha256": "ab"}
    gone = {"source": {"bucket": "in", "key": "a.jpg"}, "error": {"code": "not_found", "message": "Gone."}, "model": model}
    (day / "part-1.jsonl").write_text(f"{json.dumps(gone)}\n{json.dumps(gone)}\nno JSON\n{{}}\n")
    return folder


@pytest.fixture(scope="module")
def said(workspace):
    """Runs a command in the workspace and gives what a terminal would show of it, without what differs from run to run."""
    names = {"uploader": support.binary("uploader"), "detect-http": support.binary("detect-http")}
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(workspace / "home"), "LANG": "C.UTF-8", "COLUMNS": "100",
        "ORT_DYLIB_PATH": str(support.ROOT / ".tools" / "lib" / "libonnxruntime.so"), "MODEL": str(MODEL),
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip

    def run(command, **variables):
        words = re.findall(r"'[^']*'|\S+", command)
        words = [str(names.get(word, word.strip("'"))) for word in words]
        given = {k: v for k, v in (environment | variables).items() if v is not None}
        done = subprocess.run(
            words, cwd=workspace, env=given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=120,
        )  # fmt: skip
        set_here = "".join(f"{name}={value} " for name, value in variables.items() if value is not None)
        return f"$ {set_here}{command}\n{steady(done.stdout, workspace)}[exit {done.returncode}]\n\n"

    return run


def steady(text, workspace):
    """A text without times, ports, places, and what rounds differently elsewhere."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    for place, name in [(workspace, "~"), (support.BINARIES, "bin"), (support.ROOT, "spotter")]:
        text = text.replace(f"{place}/", f"{name}/").replace(str(place), name)
    text = re.sub(r"127\.0\.0\.1(:| port )(?!9000\b|99999\b)\d{4,5}", r"127.0.0.1\1PORT", text)
    text = re.sub(r"\b0\.\d\d \[\d+ \d+ \d+ \d+\]", "0.NN [X1 Y1 X2 Y2]", text)
    text = re.sub(r"\b\d+\.\d+(?= (s|ms|photos/s|Mbit/s)\b)", "N", text)
    text = re.sub(r"(cannot resolve host \S+) \([^)]*\)", r"\1 (REASON)", text)
    text = re.sub(r"\(client: [^;]*; server: [^)]*\)", "(client: wait N, …; server: inference N, …)", text)
    # A table's widths follow its numbers.
    text = re.sub(r"(?m)^( ?(?:client|server|time) .*?) *$", lambda row: re.sub(r" +\d+\.\d\b", " N", row[1]), text)
    text = re.sub(r"(?m)^ time in ms.*", lambda row: re.sub(r" {2,}", "  ", row[0]), text)
    text = re.sub(r"(?m)^ (client|server) (dns|connect|encode|send|receive|queue|postprocess).*\n", "", text)
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def test_help(said):
    verbs = ["", "detect", "compare", "evaluate", "bulk", "collect", "compact", "convert", "local", "page"]
    verbs += ["model", "model list", "model pull", "model prepare"]
    verbs += ["model show", "model card", "model try", "model verify", "completions", "man"]
    text = "".join(said(" ".join(["uploader", verb, "--help"]).replace("  ", " ")) for verb in verbs)
    text += said("detect-http --help") + said("detect-http")
    make = subprocess.run(["make", "-s", "help"], cwd=support.ROOT, capture_output=True, text=True, timeout=60)
    compare("help.txt", f"{text}$ make help\n{make.stdout}")


COMMANDS = """
uploader
uploader detcet photos
uploader detect
uploader detect --no-such photos
uploader detect nowhere.jpg
uploader detect empty
uploader detect photos
uploader detect photos --no-summary
uploader detect photos --quiet
uploader detect bad photos --concurrency 1
uploader detect page.jpg --no-summary
uploader detect photos --from-file list.txt --no-summary
uploader detect --from-file photos/cats/cat.jpg
uploader detect https://example.com/cat.jpg
uploader detect s3://bucket/cat.jpg
uploader detect --stdin-photo --no-summary
uploader detect photos --resize 0
uploader detect photos --resize big
uploader detect photos --concurrency 0
uploader detect photos --rate 0
uploader detect photos --timeout -1
uploader detect photos --confidence 2
uploader detect photos --max-detections -1
uploader detect photos --classes unicorn
uploader detect photos --classes 'cat,persn'
uploader detect photos --format xml
uploader detect photos --fail-if fast
uploader detect photos --fail-if 'p95>300'
uploader detect photos --fail-if 'p95>1us' --no-summary
uploader detect photos --model no-such-model
uploader detect photos --model nowhere.onnx
uploader detect photos --function nowhere
uploader page
uploader page --url http://127.0.0.1:1/ --port 0
uploader page --url ftp://example.com/
uploader page --url http://127.0.0.1:1/ --port 99999
uploader page --url http://127.0.0.1:1/ --host example.com
uploader detect photos --memory 1024 --no-summary
uploader detect photos --url ftp://example.com/
uploader detect photos --url http://user:password@example.com/
uploader detect photos --url http://127.0.0.1:1/
uploader detect photos --url http://no-such-host.invalid/
uploader detect photos --url http://127.0.0.1:1/ --connect-to somewhere
uploader detect photos --url http://127.0.0.1:1/ --local
uploader detect photos --output photos/cats/cat.jpg
uploader detect photos --annotate photos
uploader detect photos --format yolo
uploader detect photos --format yolo --output photos
uploader detect photos --format coco-dataset --with-photos link
uploader detect photos --format csv --with-scores
uploader detect photos --format csv --relative-to photos
uploader detect photos --format cvat --image-url http://example.com/
uploader detect photos --sort-as copy
uploader detect photos --xmp-name stem
uploader detect photos --no-summary --format jsonl --output results.jsonl
uploader convert results.jsonl
uploader convert nowhere.jsonl --format csv
uploader convert photos --format csv
uploader convert list.txt --format csv
uploader convert results.jsonl --format csv --model yolox-nano
uploader convert results.jsonl --format csv --output results.jsonl
uploader convert results.jsonl --format yolo --output dataset
uploader convert results.jsonl --format voc --output dataset
uploader compare photos
uploader compare photos --local
uploader compare photos --local --local
uploader compare photos --local --url http://127.0.0.1:1/
uploader compare photos --local a=,speed=9 --local b=
uploader compare photos --local a=,threads=0 --local b=
uploader compare photos --local --url b=http://127.0.0.1:1/ --fail-if 'c:p95>1ms'
uploader compare photos --local --url b=http://127.0.0.1:1/ --report report.pdf
uploader bulk photos
uploader bulk photos --bucket photos --results s3://out
uploader bulk photos --bucket s3://in --results s3://in/out
uploader bulk photos --bucket s3://in/photos --results s3://out --endpoint-url nowhere
uploader bulk photos --bucket s3://in/photos --results s3://out --profile nobody
uploader collect --results s3://out --journal nowhere
uploader collect photos --results s3://out
uploader compact photos photos
uploader compact nowhere tables
uploader compact photos tables
uploader compact s3:/out tables
uploader compact results tables --dry-run
uploader compact results tables
uploader compact results tables
uploader local --port 99999
uploader local --function nowhere
uploader model pull yolox-huge
uploader model pull spotter-nano
uploader model pull yolox-nano --from empty
uploader model verify yolox-huge
uploader model verify spotter-nano
uploader model verify yolox-nano
uploader man nothing
detect-http --listen nowhere
detect-http --listen 127.0.0.1:0 --sessions 0
detect-http --listen 127.0.0.1:99999
"""


def test_sessions(said, workspace):
    text = "".join(said(command) for command in COMMANDS.strip().splitlines())
    text += said("uploader detect photos", MODEL=None)
    text += said("uploader detect photos --quiet", MODEL=None)
    text += said("uploader detect photos --no-summary", CONFIDENCE="high")
    text += said("uploader detect photos --url https://127.0.0.1:1/", SSL_CERT_FILE="nowhere.pem")
    text += said("uploader detect photos --url http://example.com/", http_proxy="socks5://127.0.0.1:1")
    text += said("uploader detect photos --url http://example.com/", http_proxy="http://127.0.0.1:1")
    weights = support.assets("models/yolox_nano.onnx")
    if weights.exists():
        other = workspace / "other" / "yolox_nano.onnx"
        other.parent.mkdir(exist_ok=True)
        shutil.copy(weights, other)
        text += said("uploader model verify other/yolox_nano.onnx")
        other.write_bytes(other.read_bytes() + b"\0")
        text += said("uploader model verify other/yolox_nano.onnx")
    else:
        # What is said of the weights cannot be heard without them.
        known = (FOLDER / "sessions.txt").read_text()
        text += known[known.index("$ uploader model verify other/yolox_nano.onnx") :]
    compare("sessions.txt", text)


def test_problems(workspace, tmp_path):
    jpeg = (workspace / "photos" / "cats" / "cat.jpg").read_bytes()
    png = SAMPLE.read_bytes()
    server = support.Local(tmp_path / "log", model=MODEL, API_TOKEN="", MAX_PIXELS="1000000", MAX_IMAGE_BYTES="300000")
    try:
        client = support.Client(server.base)
        cases = [
            ("GET", "/nowhere", b"", None, {}),
            ("GET", "/detect", b"", None, {}),
            ("POST", "/health", b"", None, {}),
            ("POST", "/detect", b"", None, {}),
            ("POST", "/detect?conf=0.4", jpeg, None, {}),
            ("POST", "/detect?colour=red", jpeg, None, {}),
            ("POST", "/detect?confidence=2", jpeg, None, {}),
            ("POST", "/detect?max_detections=many", jpeg, None, {}),
            ("POST", "/detect?annotate=perhaps", jpeg, None, {}),
            ("POST", "/detect?format=xml", jpeg, None, {}),
            ("POST", "/detect?classes=unicorn", jpeg, None, {}),
            ("POST", "/detect?classes=cta", jpeg, None, {}),
            ("POST", "/detect", b"hello, world", "text/plain", {}),
            ("POST", "/detect", b"a=b", "application/x-www-form-urlencoded", {}),
            ("POST", "/detect", b"{", "application/json", {}),
            ("POST", "/detect", b"[]", "application/json", {}),
            ("POST", "/detect", b"{}", "application/json", {}),
            ("POST", "/detect", b'{"image": 7}', "application/json", {}),
            ("POST", "/detect", b'{"image": "no*base64"}', "application/json", {}),
            ("POST", "/detect", b'{"image": "data:cat"}', "application/json", {}),
            ("POST", "/detect", b'{"images": "one"}', "application/json", {}),
            ("POST", "/detect", b'{"image": "/9j/", "threshold": 0.4}', "application/json", {}),
            ("POST", "/detect", b"--x--", "multipart/form-data", {}),
            ("POST", "/detect", b"--x--\r\n", "multipart/form-data; boundary=x", {}),
            ("POST", "/detect", jpeg, "image/jpeg", {"Content-Encoding": "zstd"}),
            ("POST", "/detect", jpeg, "image/jpeg", {"Content-Encoding": "gzip"}),
            ("POST", "/detect", jpeg[: len(jpeg) // 2], None, {}),
            ("POST", "/detect", png[: len(png) // 2], None, {}),
            ("POST", "/detect", b"\xff\xd8\xff" + bytes(100), None, {}),
            ("POST", "/detect", bytes(400_000), None, {}),
            ("POST", "/detect", b"<!DOCTYPE html><html>", None, {}),
            ("POST", "/detect", b"%PDF-1.4", None, {}),
            ("POST", "/detect", b"hello, world", None, {}),
            ("POST", "/detect", bytes(100), None, {}),
            ("POST", "/detect", large(), None, {}),
        ]
        text = ""
        for method, path, body, kind, headers in cases:
            reply = client.call(method, path, body, kind, **headers)
            shown = body.decode() if len(body) < 60 and body.isascii() and body.decode().isprintable() else f"({len(body)} bytes)"
            head = "".join(f" {name}: {value};" for name, value in (({"Content-Type": kind} if kind else {}) | headers).items())
            answer = json.loads(reply.body)
            text += f"{method} {path}{head} {shown if body else ''}".rstrip()
            text += f"\n  {reply.status} {answer['code']}: {answer['title']}\n  {answer['detail']}\n\n"
    finally:
        server.close()
    compare("problems.txt", text)


def large():
    """A bitmap that claims more pixels than the function takes."""
    size = (2000).to_bytes(4, "little") * 2
    return b"BM" + bytes(8) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little") + size + b"\1\0\x18\0" + bytes(24)


# A comment, a character, a raw string, or a string: whichever begins first.
TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|b?'(?:\\.[^']*|[^\\'\n])'|b?r(\#*)"(.*?)"\1|b?"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
# The same in a shell's scripts: what is said, and what ends them.
SPOKEN = re.compile(r"""(?:say|die|echo|missing\+=\()[^\n]*?"((?:[^"\\]|\\.)*)\"|^\s+"((?:[^"\\]|\\.)*)" \\?$""", re.MULTILINE)


def rust_texts(source):
    """The strings of a source, without those of its tests, which come last."""
    source = source.split("#[cfg(test)]")[0]
    for token in TOKEN.finditer(source):
        text = token[3] if token[3] is not None else token[2]
        if text:
            yield re.sub(r"\\\n\s*", "", text)


def python_texts(source):
    """The strings of a Python source, but for its docstrings; what is filled in stands in braces."""
    tree = ast.parse(source)
    spoken = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (spoken | parts):
            yield node.value


def is_for_people(text):
    """Two words or more, and no code."""
    return len(re.findall(r"[A-Za-z]{2,}", text)) > 1 and " " in text.strip()


def test_texts():
    text = ""
    sources = [
        path
        for path in support.ROOT.glob("**/src/**/*.rs")
        if path.name not in ("tests.rs", "fuzzing.rs") and not {"target", ".tools", "tests", "fuzz"} & set(path.parts)
    ]
    scripts = [support.ROOT / "infra" / name for name in ("deploy", "image", "undeploy", "glibc", "base/build")]
    scripts += sorted((support.ROOT / "infra" / "deployment").glob("*.py"))
    scripts += [support.ROOT / "tools" / name for name in ("demo-bulk", "docker-engine", "fuzz", "install", "setup")]
    for path in sorted(sources) + scripts:
        source = path.read_text()
        if path.suffix == ".rs":
            found = rust_texts(source)
        elif "python3" in source.partition("\n")[0] or path.suffix == ".py":
            found = python_texts(source)
        else:
            found = (a or b for a, b in SPOKEN.findall(source))
        texts = [f"  {found}\n" for found in dict.fromkeys(found) if is_for_people(found)]
        if texts:
            text += f"{path.relative_to(support.ROOT)}\n{''.join(texts)}\n"
    compare("texts.txt", text)
