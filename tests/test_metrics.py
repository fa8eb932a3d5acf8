"""Metrics in CloudWatch's embedded format and log lines, as the functions really write them; the dashboard and the alarms, held
against their names."""

import datetime
import json
import re
import urllib.parse

import cloudformation
import objects
import pytest
import runtime
import support

STAGES = {"DecodeTime", "PreprocessTime", "InferenceTime", "PostprocessTime", "TotalTime"}
# Nothing that a test can send makes the function fail by itself.
UNPROVOKED = {"Failures.internal"}
# AWS's own, by namespace and dimension.
AWS = {
    ("AWS/Lambda", "FunctionName"): {"ConcurrentExecutions", "Throttles", "Errors", "Duration", "Invocations"},
    ("AWS/SQS", "QueueName"): {
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateAgeOfOldestMessage",
        "NumberOfMessagesDeleted",
    },
}


def level_of(line):
    """The level that Lambda reads in a line: INFO, unless beside a valid time stamp it says otherwise."""
    try:
        stamp = datetime.datetime.fromisoformat(line["timestamp"])
        assert stamp.tzinfo is not None
        return line["level"]
    except (KeyError, ValueError):
        return "INFO"


@pytest.fixture(scope="module")
def http_lines(tmp_path_factory, pictures):
    """What detect-http writes of everything that can be asked of it."""
    photo = pictures[0][0]
    given = {"API_TOKEN": "sesame", "MAX_IMAGE_BYTES": "5000", "MAX_PIXELS": "20000", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    with runtime.Function("detect-http", tmp_path_factory.mktemp("http"), **given) as function:

        def ask(body=b"", path="/detect", method="POST", authorization="Bearer sesame", **headers):
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            return function.invoke(runtime.request(body, path, method, authorization=authorization, **headers))

        ask(path="/health", method="GET")
        ask(photo)
        ask(json.dumps({"images": ["a*b=", 7]}).encode(), content_type="application/json")
        ask(b"{", content_type="application/json")
        ask(b'{"images": []}', content_type="application/json")
        ask(photo, "/detect?confidence=7")
        ask(photo, "/detect?slice=32&max_slices=1")
        target = {"x_amz_target": "RekognitionService.DetectLabels", "content_type": "application/x-amz-json-1.1"}
        ask(b'{"Image": {"S3Object": {"Bucket": "none", "Name": "a.jpg"}}}', "/", **target)
        ask(photo, authorization="Bearer wrong")
        ask(b"x" * 6000)
        ask(support.encode(support.PIL.Image.new("RGB", (300, 200))))
        ask(b"8BPS" + bytes(40))
        ask(photo[:80])
        ask(b"a=b", content_type="application/x-www-form-urlencoded")
        ask(photo, content_encoding="gzip")
        ask(path="/nowhere", method="GET")
        ask(photo, x_request_id="from-the-caller")
        ask(photo, x_request_id="not one \" of ours")
        return function.lines()


@pytest.fixture(scope="module")
def bulk_lines(tmp_path_factory, pictures):
    """What detect-bulk writes of good photos and of every kind of bad one; and the results."""
    folder = tmp_path_factory.mktemp("bulk")
    moto = objects.Moto(folder)
    for bucket in ("photos", "results"):
        moto.bucket(bucket)
    photo = pictures[0][0]
    moto.put("photos", "good.png", photo)
    moto.put("photos", "empty.png", b"")
    moto.put("photos", "large.png", b"x" * 6000)
    moto.put("photos", "wide.png", support.encode(support.PIL.Image.new("RGB", (300, 200))))
    moto.put("photos", "sliced.png", support.encode(support.PIL.Image.new("RGB", (150, 130))))
    moto.put("photos", "no photo", b"8BPS" + bytes(40))
    moto.put("photos", "torn.png", photo[:80])
    moto.put("photos", "archived.png", photo, **{"x-amz-storage-class": "GLACIER"})
    keys = ["good.png", "empty.png", "large.png", "wide.png", "no photo", "torn.png", "archived.png", "gone.png", "sliced.png"]
    given = {
        "RESULTS_URI": "s3://results/run",
        "AWS_ENDPOINT_URL": moto.endpoint,
        "MAX_IMAGE_BYTES": "5000",
        "MAX_PIXELS": "20000",
        "SLICE": "128",
        "MAX_SLICES": "1",
    }

    def records(keys):
        return [
            {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "photos"}, "object": {"key": key}}} for key in keys
        ]

    with runtime.Function("detect-bulk", folder, **given) as function:
        encoded = [urllib.parse.quote_plus(key) for key in keys] + ["%ff.png"]
        assert function.invoke({"Records": [*records(encoded), {"s3": 7}]}, "r-1") is None
        assert function.invoke({"hello": 1}, "r-2")["errorType"] == "HandedBack"
        assert function.invoke({"Records": records(["good.png"])}, "r-3") is None
        moto.close()
        function.invoke({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": json.dumps({"Records": records(["good.png"])})}]}, "r-4")
        return function.lines()


@pytest.fixture(scope="module")
def emitted(http_lines, bulk_lines):
    """{function: {name: values of all documents}}."""
    found = {}
    for function, lines in (("DetectHttp", http_lines), ("DetectBulk", bulk_lines)):
        names = found.setdefault(function, {})
        for document in runtime.documents(lines):
            for name, value in runtime.metrics(document).items():
                names.setdefault(name, []).append(value)
    return found


def test_every_line_has_a_time_a_level_and_the_request(http_lines, bulk_lines):
    for line in http_lines + bulk_lines:
        assert level_of(line) == line["level"] in ("INFO", "WARN", "ERROR"), line
        assert line["message"]
        assert "request_id" in line or line["message"] in ("ready", "connections"), line


def test_documents_are_as_powertools_has_them(http_lines, bulk_lines):
    for program, lines in (("detect-http", http_lines), ("detect-bulk", bulk_lines)):
        documents = runtime.documents(lines)
        ids = [document["request_id"] for document in documents]
        assert len(ids) == len(documents) > 3
        for document in documents:
            [directive] = document["_aws"]["CloudWatchMetrics"]
            assert directive["Namespace"] == "Spotter"
            assert directive["Dimensions"] == [["service", "function_name"]]
            assert (document["service"], document["function_name"]) == ("spotter", f"spotter-{program}")
        # The first invocation, whatever it was, and no other.
        assert [document.get("ColdStart") for document in documents] == [1] + [None] * (len(documents) - 1)
        assert documents[0]["InitTime"][0] > 0


def test_one_document_an_invocation(http_lines, bulk_lines):
    assert [d["request_id"] for d in runtime.documents(bulk_lines)] == ["r-1", "r-2", "r-3", "r-4"]
    requests = [line for line in http_lines if line["message"] == "request"]
    assert len(requests) == 18
    # What brings no photo is no photo: its line is a line.
    assert [line["path"] for line in requests if "_aws" not in line] == ["/nowhere"]


def test_numbers_are_those_of_the_photos(http_lines, bulk_lines):
    good = runtime.metrics(runtime.documents(http_lines)[1])
    assert (good["Photos"], good["Failures"], good["Detections"]) == (1, 0, 2)
    assert good.keys() >= STAGES | {"PhotoBytes"} and all(len(good[name]) == 1 for name in STAGES)
    batch = runtime.metrics(runtime.documents(http_lines)[2])
    assert (batch["Photos"], batch["Failures"]) == (2, 2)
    assert (batch["Failures.invalid_base64"], batch["Failures.invalid_parameter"]) == (1, 1)

    first, unreadable, second, lost = (runtime.metrics(d) for d in runtime.documents(bulk_lines))
    assert (first["Photos"], first["Failures"], first["HandedBack"], first["Detections"]) == (11, 10, 0, 2)
    assert sum(value for name, value in first.items() if name.startswith("Failures.")) == 10
    assert all(len(first[name]) == 1 for name in STAGES)
    assert unreadable == {"Unreadable": 1}
    assert (second["Photos"], second["Failures"]) == (1, 0)
    assert (lost["Photos"], lost["HandedBack"]) == (1, 1)


def test_nothing_from_outside_becomes_a_name(http_lines, bulk_lines):
    for document in runtime.documents(http_lines + bulk_lines):
        declared = json.dumps(document["_aws"])
        assert not any(part in declared for part in ("good.png", "run", "from-the-caller", "photos"))


def test_the_caller_names_the_request(http_lines):
    *_, theirs, ours = [line for line in http_lines if line["message"] == "request"]
    assert theirs["request_id"] == "from-the-caller"
    assert theirs["lambda_request_id"] == ours["request_id"] == "11111111-2222-3333-4444-555555555555"
    assert "lambda_request_id" not in ours


@pytest.mark.parametrize(
    ("given", "levels"),
    [
        ({"RUST_LOG": "WARN"}, {"WARN", "ERROR"}),
        ({"RUST_LOG": "WARN", "AWS_LAMBDA_LOG_LEVEL": "INFO"}, {"WARN", "ERROR"}),
        ({"AWS_LAMBDA_LOG_LEVEL": "ERROR"}, {"ERROR"}),
        ({"AWS_LAMBDA_LOG_LEVEL": "ERROR", "RUST_LOG": "debug"}, {"ERROR"}),
    ],
    ids=str,
)
def test_strict_levels_keep_what_is_serious_and_the_metrics(tmp_path, given, levels):
    given = {"RESULTS_URI": "s3://results/run", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"} | given
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "photos"}, "object": {"key": "a.png"}}}
    with runtime.Function("detect-bulk", tmp_path, **given) as function:
        function.invoke({"hello": 1}, "r-1")
        function.invoke({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": json.dumps({"Records": [record]})}]}, "r-2")
        lines = function.lines()
    assert {level_of(line) for line in lines if "_aws" not in line} == levels
    # Whatever is logged below INFO's volume still says which invocation it was.
    assert all(line["request_id"] in ("r-1", "r-2") for line in lines)
    assert [d["request_id"] for d in runtime.documents(lines)] == ["r-1", "r-2"]


def test_a_function_that_cannot_start_says_so_as_an_error(tmp_path):
    for program in ("detect-http", "detect-bulk"):
        with runtime.Function(program, tmp_path, "/nowhere/model.onnx", RESULTS_URI="s3://r/r", RUST_LOG="ERROR") as function:
            assert function.ended() == 1
            [line] = [line for line in function.lines() if "/nowhere/model.onnx" in line["message"]]
            assert level_of(line) == "ERROR"


def test_metrics_are_off_when_told_and_lines_are_text_where_lambda_wants_text(tmp_path, pictures):
    with runtime.Function("detect-http", tmp_path, METRICS="false", AWS_LAMBDA_LOG_FORMAT="Text") as function:
        function.invoke(runtime.request(pictures[0][0]), "r-1")
        text = function.text()
    assert "_aws" not in text and "request_id=r-1" in text and "photos=1" in text
    with runtime.Function("detect-http", tmp_path, METRICS="false") as function:
        function.invoke(runtime.request(pictures[0][0]), "r-1")
        [line] = [line for line in function.lines() if line["message"] == "request"]
    assert (line["request_id"], line["photos"], line["failed"], line["detections"]) == ("r-1", 1, 0, 2)


# ---- the template


@pytest.fixture(scope="module")
def stack():
    return cloudformation.translated({})[0]


def rows(stack):
    """(namespace, metric, dimensions, widget) of the dashboard."""
    for widget in json.loads(stack["Dashboard"]["DashboardBody"])["widgets"]:
        for row in widget["properties"]["metrics"]:
            namespace, metric, *rest = [part for part in row if isinstance(part, str)]
            yield namespace, metric, dict(zip(rest[::2], rest[1::2], strict=True)), widget


def watched(stack):
    """The same of the alarms."""
    for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
        for entry in alarm.get("Metrics", [{"MetricStat": {"Metric": alarm}}]):
            if "MetricStat" in entry:
                metric = entry["MetricStat"]["Metric"]
                dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
                yield metric["Namespace"], metric["MetricName"], dimensions, alarm


def test_every_name_on_the_dashboard_and_in_the_alarms_exists(stack, emitted):
    queues = {"Queue.QueueName", "DeadLetters.QueueName"}
    for namespace, metric, dimensions, where in [*rows(stack), *watched(stack)]:
        if namespace == "Spotter":
            assert dimensions["service"] == "spotter" and set(dimensions) == {"service", "function_name"}
            function = dimensions["function_name"]
            assert metric in emitted[function].keys() | UNPROVOKED, f"{function} has no {metric}: {where}"
        else:
            [(name, value)] = dimensions.items()
            assert metric in AWS[namespace, name], where
            assert value in (emitted if name == "FunctionName" else queues), where


def test_nothing_that_the_functions_tell_is_missing_on_the_dashboard(stack, emitted):
    shown = {(d["function_name"], metric) for namespace, metric, d, _ in rows(stack) if namespace == "Spotter"}
    told = {(function, name) for function, names in emitted.items() for name in names}
    # The sum of those by code.
    told = {(function, name) for function, name in told if name != "Failures"}
    assert told == {(function, name) for function, name in shown if name not in UNPROVOKED}


def test_the_dashboard_shows_what_it_is_for(stack):
    shown = {}
    for namespace, metric, _, widget in rows(stack):
        shown.setdefault((namespace, metric), set())
    percentiles = {}
    for widget in json.loads(stack["Dashboard"]["DashboardBody"])["widgets"]:
        properties = widget["properties"]
        assert properties["region"] == "eu-central-1" and properties["title"]
        for row in properties["metrics"]:
            own = row[-1].get("stat") if isinstance(row[-1], dict) else None
            percentiles.setdefault(row[1], set()).add(own or properties["stat"])
    assert all(percentiles[name] == {"p50", "p90", "p99"} for name in STAGES | {"Duration"})
    for name in AWS["AWS/SQS", "QueueName"] | {"ConcurrentExecutions", "Throttles"}:
        assert any(metric == name for _, metric in shown)


def test_widgets_do_not_overlap(stack):
    taken = set()
    for widget in json.loads(stack["Dashboard"]["DashboardBody"])["widgets"]:
        cells = {(widget["x"] + i, widget["y"] + j) for i in range(widget["width"]) for j in range(widget["height"])}
        assert not cells & taken and all(x < 24 for x, _ in cells)
        taken |= cells


# ---- what the log costs


def test_the_price_list_knows_how_much_is_logged(http_lines, bulk_lines):
    """Lines as they are written, without blanks; the first of each function tells of its start, too."""
    prices = (support.ROOT / "uploader/src/prices.rs").read_text()

    def price(name):
        return float(re.search(rf"const {name}: f64 = ([0-9.]+);", prices)[1])

    def size(line):
        return len(json.dumps(line, separators=(",", ":"), ensure_ascii=False)) + 1

    one_photo = next(line for line in http_lines if line.get("Detections") == 2)
    assert size(one_photo) == pytest.approx(price("LOG_REQUEST"), rel=0.1)
    batch = next(line for line in bulk_lines if line.get("Photos") == 1 and "HandedBack" in line and not line["HandedBack"])
    photo = sum(len(json.dumps(batch[stage][0])) + 1 for stage in STAGES)
    assert photo == pytest.approx(price("LOG_BATCH_PHOTO"), rel=0.25)
    assert size(batch) - photo == pytest.approx(price("LOG_BATCH"), rel=0.1)
