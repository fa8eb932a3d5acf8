"""The schema of a result: what is written fits it, and it names no more and no less than is written."""

import json
import re
import subprocess

import cloud
import contract
import jsonschema
import pyarrow.parquet
import pytest
import support

FOLDER = support.ROOT / "functions" / "wire" / "schema"
SCHEMA = json.loads((FOLDER / "result.schema.json").read_text())
# What only JSON has, and what only uploader writes.
NOT_IN_PARQUET = {"annotated", "redacted"}
STRICT = jsonschema.Draft202012Validator(contract.closed(SCHEMA))


def check(line):
    problems = [f"{error.json_path}: {error.message}" for error in STRICT.iter_errors(line)]
    assert not problems, f"{problems}\n{line}"


def parquet_columns(text):
    """{path: (type, required)} of the message in result.parquet.txt, with [] for elements of lists."""
    columns, path = {}, []
    for line in text.splitlines()[1:]:
        if line.strip() == "}":
            if path:
                path.pop()
            continue
        repetition, kind, name = re.match(r"\s*(\w+) (\w+) (\w+)", line).groups()
        path.append((name, repetition))
        columns[tuple(path)] = kind
        if kind != "group":
            path.pop()
    named = {}
    for path, kind in columns.items():
        steps = [name for name, _ in path]
        if steps[-1] == "list":
            continue
        name = re.sub(r"\.list\.element", "[]", ".".join(steps))
        named[name] = (kind, path[-1][1] == "required")
    return named


def json_columns(schema, path="", required=True):
    """The same of the JSON Schema."""
    kinds = {"string": "binary", "integer": "int64", "number": "double", "boolean": "boolean", "object": "group", "array": "group"}
    found = {}
    if path:
        found[path] = (kinds[schema["type"]], required)
    for name, member in schema.get("properties", {}).items():
        if not path and name in NOT_IN_PARQUET:
            continue
        below = f"{path}.{name}" if path else name
        # At the top, answers and errors share a row.
        found |= json_columns(member, below, bool(path) and name in schema.get("required", []))
    if "items" in schema:
        found |= json_columns(schema["items"], f"{path}[]", True)
    return found


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json_columns(SCHEMA) == parquet_columns((FOLDER / "result.parquet.txt").read_text())


def test_everything_is_documented():
    def undocumented(schema, path=""):
        for name, member in schema.get("properties", {}).items():
            if not path and "description" not in member:
                yield name
            yield from undocumented(member, f"{path}{name}.")

    assert not list(undocumented(SCHEMA))


@pytest.mark.parametrize(
    "change",
    [
        {"detections": None},
        {"image": {"width": 640}},
        {"error": {"code": "x", "message": "both"}},
        {"source": {"bucket": "in"}},
        {"detections": [{"label": "cat", "class_id": 15, "score": 0.9, "box": [1, 2, 3]}]},
        {"detections": [{"label": "cat", "class_id": 15, "score": 9, "box": [1, 2, 3, 4]}]},
        {"unheard": 1},
    ],
)
def test_what_does_not_fit_is_told(change):
    line = {
        "source": {"bucket": "in", "key": "a.jpg"},
        "image": {"width": 640, "height": 480},
        "detections": [],
        "model": {"name": "m", "sha256": "ab"},
        "thresholds": {"confidence": 0.25, "iou": 0.45, "max_detections": 100},
        "timings_ms": {"decode": 1, "preprocess": 1, "inference": 1, "postprocess": 1, "total": 4},
        "cold_start": False,
        "init_ms": 0,
    }
    check(line)
    assert list(STRICT.iter_errors(line | change))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Lines as detect-bulk stores them and as collect and detect write them, of good photos and bad ones."""
    folder = tmp_path_factory.mktemp("written")
    model = support.fixture("yolox")[0]
    samples = sorted((support.ROOT / ".tools" / "samples").glob("*.png"))
    with cloud.Bulk(folder / "log", model) as bulk:
        for path in samples:
            bulk.put(f"in/{path.name}", path.read_bytes())
        bulk.put("in/broken.png", samples[0].read_bytes()[:5000])
        bulk.put("in/text.jpg", b"hello")
        bulk.put_and_delete("in/gone.jpg")
        bulk.drained()
        keys = bulk.keys()
        stored = [line for lines in bulk.lines().values() for line in lines]
        collect = ["collect", "--results", bulk.places["results"], "--endpoint-url", bulk.places["S3 and SQS"], "--quiet"]
        for form in ("jsonl", "parquet"):
            run([*collect, "--format", form, "--output", folder / f"collected.{form}"], expect=1)
        run(["compact", bulk.places["results"], folder / "tables", "--endpoint-url", bulk.places["S3 and SQS"]])
    (folder / "broken.png").write_bytes(samples[0].read_bytes()[:5000])
    for form in ("jsonl", "parquet"):
        detect = ["detect", *samples, folder / "broken.png", "--model", model, "--quiet"]
        run([*detect, "--format", form, "--output", folder / f"detected.{form}"], expect=1)
    return folder, keys, stored


def run(arguments, expect=0):
    environment = support.environment(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    done = subprocess.run([support.binary("uploader"), *arguments], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == expect, done.stderr
    return done.stdout


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_results_lie_in_the_folder_of_their_day(written):
    _, keys, _ = written
    assert keys and all(re.fullmatch(r"out/date=\d{4}-\d\d-\d\d/part-[\w-]+\.jsonl", key) for key in keys), keys


def test_what_detect_bulk_stores_fits(written):
    _, _, stored = written
    assert {line["error"]["code"] for line in stored if "error" in line} >= {"unsupported_image", "undecodable_image", "not_found"}
    for line in stored:
        check(line)
        assert "source" in line and "model" in line and not line.keys() & {"photo", "client_ms", "upload_to_result_ms"}


@pytest.mark.parametrize("name", ["collected", "detected"])
def test_what_uploader_writes_fits(written, name):
    found = lines(written[0] / f"{name}.jsonl")
    assert any("error" in line for line in found) and any("detections" in line for line in found)
    for line in found:
        check(line)
        assert "photo" in line


def filled(value, like):
    """A JSON value as a row has it: with null for what is missing."""
    if isinstance(like, pyarrow.StructType):
        return value and {field.name: filled(value.get(field.name), field.type) for field in like}
    if isinstance(like, pyarrow.ListType):
        return value if value is None else [filled(item, like.value_type) for item in value]
    return value


def same_rows(path, expected, key):
    """Asserts that a Parquet file holds these lines, in whatever order."""
    table = pyarrow.parquet.read_table(path)
    row = pyarrow.struct(list(table.schema))
    expected = sorted((filled(line, row) for line in expected), key=key)
    assert sorted(table.to_pylist(), key=key) == expected


def test_parquet_says_the_same_as_json(written):
    folder, _, stored = written
    by_photo = lambda row: row["photo"]  # noqa: E731
    # Times differ from run to run; all else is one.
    for name in ("collected", "detected"):
        table = pyarrow.parquet.read_table(folder / f"{name}.parquet").to_pylist()
        plain = lines(folder / f"{name}.jsonl")
        timeless = {"timings_ms", "client_ms", "cold_start", "init_ms", "request_id"}
        row = pyarrow.struct(list(pyarrow.parquet.read_schema(folder / f"{name}.parquet")))
        strip = lambda rows: sorted(({k: v for k, v in r.items() if k not in timeless} for r in rows), key=by_photo)  # noqa: E731
        assert strip(table) == strip([filled(line, row) for line in plain])
    (path,) = (folder / "tables").rglob("*.parquet")
    once = {cloud.identity(line): line for line in stored}
    same_rows(path, once.values(), lambda row: row["source"]["key"])
