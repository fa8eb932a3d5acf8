"""GET /openapi.json: the document is valid and served as it lies in the tree; it names what there is and nothing else; every status
that it declares is answered, as it says; and schemathesis finds no answer among thousands that it does not describe."""

import base64
import copy
import gzip
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import urllib.parse

import contract
import numpy
import onnx
import PIL.Image
import pytest
import support

SCHEMATHESIS = support.ROOT / ".tools" / "contract" / "bin"
# So many requests at least.
LEAST = 2000
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,"
    "unsupported_method,allow_header_conformance,invalid_requests_are_refused"
)
TOKEN = "sesame"
MAX_IMAGE_BYTES, MAX_PIXELS = 300_000, 1_000_000
BEARER = {"Authorization": f"Bearer {TOKEN}"}
REKOGNITION = {"X-Amz-Target": "RekognitionService.DetectLabels"}
OPTIONS = {name: schema for name, schema in contract.DOCUMENT["components"]["schemas"].items() if name.islower()}


def tool(name):
    """A program of .tools/contract."""
    path = SCHEMATHESIS / name
    if not path.exists():
        support.skip(f"{path} is missing", "tools/setup contract")
    return path


def alone(folder):
    """The environment of a server that has no model but the one in the tree, and no credentials."""
    unknown = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    return unknown | {"MODEL_DIR": "", "XDG_CACHE_HOME": str(folder), "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The plain server with low limits and a token; its model stands in for another, and so has a note."""
    folder = tmp_path_factory.mktemp("contract")
    limits = {"MAX_IMAGE_BYTES": str(MAX_IMAGE_BYTES), "MAX_PIXELS": str(MAX_PIXELS)}
    server = support.Server(folder / "log", API_TOKEN=TOKEN, **limits, **alone(folder))
    yield server
    assert server.close() == 0


@pytest.fixture(scope="module")
def loading(tmp_path_factory):
    """A server whose model is in an S3 that never answers."""
    folder = tmp_path_factory.mktemp("loading")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": endpoint}
        server = support.Server(folder / "log", ready=False, **alone(folder) | keys | {"MODEL": "s3://models/best.onnx"})
        yield server
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """A server whose model fails on white photos, and only on these."""
    folder = tmp_path_factory.mktemp("failing")
    fixture = support.fixture("yolox")[0]
    model = onnx.load(fixture / "model.onnx")
    graph, make = model.graph, onnx.helper.make_node
    [last] = [node for node in graph.node if "output" in node.output]
    last.output[0] = "found"
    constants = {"white": numpy.float32(250), "one": numpy.ones(1, numpy.float32)}
    graph.initializer.extend([onnx.numpy_helper.from_array(array, name) for name, array in constants.items()])
    graph.node.extend([
        make("ReduceMin", ["images"], ["darkest"], keepdims=0),
        make("Div", ["darkest", "white"], ["share"]),
        make("Cast", ["share"], ["index"], to=onnx.TensorProto.INT64),
        make("Gather", ["one", "index"], ["factor"]),
        make("Mul", ["found", "factor"], ["output"]),
    ])  # fmt: skip
    shutil.copy(fixture / "model.toml", folder)
    onnx.save(model, folder / "model.onnx")
    server = support.Server(folder / "log", model=folder)
    yield server
    assert server.close() == 0


@pytest.fixture(scope="module")
def photo():
    """Objects in a photo of 320 pixels."""
    image = PIL.Image.open(support.ROOT / ".tools" / "samples" / "astronaut.png").convert("RGB")
    return support.encode(image.resize((320, 320)), "JPEG")


def body(name, photo):
    """A request's body with a photo: (body, content type, headers)."""
    text = base64.b64encode(photo).decode()
    if name == "roboflowInfer":
        return json.dumps({"image": {"type": "base64", "value": text}}), "application/json", {}
    return photo, "application/octet-stream", {}


def request(name, status, photo, servers):
    """A request that is answered with that status: (server, body, content type, headers)."""
    server, failing, loading = servers
    method, _, _ = contract.operations()[name]
    if name == "roboflowAdd":
        content, kind, headers = '{"model_id": "any/1"}', "application/json", {}
    elif method == "POST":
        content, kind, headers = body(name, photo)
    else:
        content, kind, headers = b"", None, {}
    if status == 401:
        return server, content, kind, headers
    headers |= BEARER
    match status:
        case 200:
            return server, content, kind, headers
        case 304:
            etag = server.client.call("GET", "/").headers["etag"]
            return server, content, kind, headers | {"If-None-Match": etag}
        case 400:
            return server, content, kind, headers | {"Host": "no host"}
        case 413:
            if name == "roboflowAdd":
                return server, None, kind, headers | {"Content-Length": str(10**9)}
            return server, *body(name, bytes(MAX_IMAGE_BYTES + 3))[:2], headers
        case 415:
            return server, content, kind, headers | {"Content-Encoding": "zstd"}
        case 422:
            return server, *body(name, photo[: len(photo) // 2].replace(b"\xff\xda", b"\xff\xff"))[:2], headers
        case 500:
            return failing, *body(name, support.encode(PIL.Image.new("RGB", (64, 64), "white")))[:2], headers
        case 503:
            return loading, content, kind, headers
    raise AssertionError(f"nothing here is answered {status} by {name}")


def slow(server, name):
    """The answer to a body that never comes."""
    method, path, _ = contract.operations()[name]
    url = urllib.parse.urlsplit(server.base)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    connection.request(method, path, None, BEARER | {"Content-Length": "100", "Content-Type": "application/json"})
    reply = connection.getresponse()
    found = support.Reply(reply.status, reply.getheaders(), reply.read(), 0)
    connection.close()
    return found


def test_it_is_valid():
    done = subprocess.run([tool("openapi-spec-validator"), contract.PATH], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_served_as_it_lies_in_the_tree(function):
    reply = function.call("GET", "/openapi.json")
    assert reply.status == 200 and reply.type == "application/json" and reply.body == contract.PATH.read_bytes()


def test_answers_are_described_as_in_result_lines():
    """One description of an answer's members, wherever it is written."""
    lines = json.loads((contract.PATH.parent / "result.schema.json").read_text())["properties"]

    def bare(schema):
        schema = contract.resolved(schema)
        if not isinstance(schema, dict):
            return schema
        return {name: bare(value) if name != "properties" else {n: bare(v) for n, v in value.items()} for name, value in schema.items()
                if name not in ("description", "contentEncoding")}  # fmt: skip

    answer = contract.DOCUMENT["components"]["schemas"]["Answer"]
    for name, member in answer["properties"].items():
        assert bare(member) == bare(lines[name]), name
    assert bare(contract.DOCUMENT["components"]["schemas"]["PhotoError"]).keys() == bare(lines["error"]).keys()


def test_its_options_are_those_that_the_server_names(server, photo):
    reply = server.client.call("POST", "/detect?colour=red", photo, **BEARER).problem(400, "invalid_parameter")
    assert set(re.search(r"options are (.*)\.$", reply.json["detail"])[1].split(", ")) == set(OPTIONS)


@pytest.mark.parametrize("name, status", sorted(pair for pair in contract.declared() if pair[1] != 408))
def test_every_declared_status_is_answered(name, status, photo, server, failing, loading):
    method, path, _ = contract.operations()[name]
    which, content, kind, headers = request(name, status, photo, (server, failing, loading))
    # A connection of its own: whose body is refused unread is not used again.
    reply = support.Client(which.base).call(method, path, content, kind, **headers)
    assert reply.status == status, reply.body[:300]
    contract.Seen().check(name, reply)


def test_bodies_that_never_come(server):
    """All at once, since each takes ten seconds."""
    names = sorted(name for name, status in contract.declared() if status == 408)
    replies = {}
    threads = [threading.Thread(target=lambda name=name: replies.update({name: slow(server, name)})) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names and {name: reply.status for name, reply in replies.items()} == dict.fromkeys(names, 408)
    for name, reply in replies.items():
        contract.Seen().check(name, reply)
        assert reply.json["code"] == "timeout"


def test_paths_and_methods_that_are_not_there(server):
    responses = contract.DOCUMENT["components"]["responses"]
    for path, item in contract.DOCUMENT["paths"].items():
        there = {method.upper() for method in item} | ({"HEAD"} if "get" in item else set())
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
            if method in there:
                continue
            reply = server.client.call(method, path, **BEARER)
            assert reply.status == 405 and {*reply.headers["allow"].split(", ")} == there, (method, path, reply.headers)
            if method != "HEAD":
                contract.Seen().check_response(responses["MethodNotAllowed"], reply, f"{method} {path}")
        if path != "/":
            contract.Seen().check_response(responses["NotFound"], server.client.call("GET", f"{path}/more", **BEARER), path)


def test_open_paths_want_no_token(server):
    for name, (method, path, operation) in contract.operations().items():
        answered = server.client.call(method, path).status
        assert (answered == 401) == (operation.get("security") != []), (name, answered)


def test_every_member_is_answered(server, photo):
    """In every shape, for one photo and for several: no member that is not in the document, none in it that is never there."""
    seen, text = contract.Seen(), base64.b64encode(photo).decode()
    post = lambda path, members: server.client.call("POST", path, json.dumps(members), "application/json", **BEARER)  # noqa: E731
    for shape in contract.DOCUMENT["components"]["schemas"]["format"]["enum"]:
        for photos in ({"image": text}, {"images": [text, "no*base64"]}):
            reply = post("/detect", photos | {"format": shape})
            assert reply.status == 200, reply.body[:300]
            seen.check("detect", reply)
    for more in ({"annotate": True}, {"redact": "blur"}, {"slice": 200}):
        seen.check("detect", post("/detect", {"image": text, **more}))
    seen.check("detect", server.client.call("POST", "/detect?annotate=true", photo, "image/jpeg", **BEARER))
    for name in ("health", "model", "roboflowModels", "contract", "sample", "page"):
        seen.check(name, server.client.call("GET", contract.operations()[name][1], **BEARER))
    seen.check("roboflowInfer", post("/infer/object_detection", {}))
    call = json.dumps({"Image": {"Bytes": text}, "MinConfidence": 20})
    for members in (call, "{}"):
        reply = server.client.call("POST", "/", members, "application/x-amz-json-1.1", **BEARER, **REKOGNITION)
        assert reply.type == "application/x-amz-json-1.1"
        seen.check("detectAtRoot", reply)
    # The options' names are held against the type.
    never = {member for member in contract.members() - seen.members if not member.startswith("Model.options.")}
    assert not never


def values(schema):
    """What an option's schema allows at its edges, and what it just does not: (good, bad)."""
    parts = [schema, *schema.get("anyOf", [])]
    of = lambda word: [part[word] for part in parts if word in part]  # noqa: E731
    if schema["type"] == "array":
        return [["person"], ["person", "CAT"], []], [["unicorn"]]
    if schema["type"] == "boolean":
        return [True, False], ["perhaps", 2, -1]
    if "enum" in schema:
        return list(schema["enum"]), ["nothing", 7]
    step = 1 if schema["type"] == "integer" else 0.001
    good = of("minimum") + of("maximum") + of("const") + of("default")
    bad = [value - step for value in of("minimum")] + [value + step for value in of("maximum")]
    bad += ["many"] + ([1.5, True] if step == 1 else [True])
    return good, [value for value in bad if value not in good or value is True]


def written(value):
    """A value in a query or a form."""
    return ",".join(value) if isinstance(value, list) else str(value).lower()


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_takes_what_its_schema_says_in_every_form(option, server, photo):
    small = support.encode(PIL.Image.new("RGB", (48, 40), "green"))
    forms = {
        "query": lambda value: (f"/detect?{urllib.parse.urlencode({option: written(value)})}", small, "image/png"),
        "JSON": lambda value: ("/detect", json.dumps({"image": base64.b64encode(small).decode(), option: value}), "application/json"),
        "form": lambda value: ("/detect", *contract.multipart([("image", small), (option, written(value))])),
    }
    good, bad = values(OPTIONS[option])
    for form, make in forms.items():
        for value in good:
            reply = server.client.call("POST", *make(value), **BEARER)
            assert reply.status == 200, (form, option, value, reply.body)
            contract.Seen().check("detect", reply)
        for value in bad:
            reply = server.client.call("POST", *make(value), **BEARER)
            assert reply.status == 400 and reply.json["code"] == "invalid_parameter", (form, option, value, reply.body[:300])
            assert reply.json["detail"].startswith(option), reply.json


def test_codings_are_those_of_the_document(server, photo):
    pattern = re.compile(contract.DOCUMENT["components"]["parameters"]["Content-Encoding"]["schema"]["pattern"])
    packed = {"gzip": gzip.compress(photo), "identity": photo, "identity, x-gzip": gzip.compress(photo), "zstd": photo, ",".join(["gzip"] * 4): photo}
    for coding, content in packed.items():
        reply = server.client.call("POST", "/detect", content, "image/jpeg", **BEARER, **{"Content-Encoding": coding})
        assert reply.status == (200 if pattern.search(coding) else 415), coding
        contract.Seen().check("detect", reply)


def for_schemathesis(labels):
    """The document with closed answers, and with photos and labels where the requests have some."""
    document = copy.deepcopy(contract.DOCUMENT)
    schemas = document["components"]["schemas"]
    requests = {name for name in schemas if name.endswith(("Request", "Form", "RoboflowImage"))}
    for name in schemas.keys() - requests:
        schemas[name] = contract.closed(schemas[name])

    def fill(schema):
        if isinstance(schema, list):
            return [fill(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        schema = {name: fill(value) for name, value in schema.items()}
        if schema.pop("contentEncoding", None):
            schema["format"] = "photo-text"
        if schema.pop("contentMediaType", None):
            schema["format"] = "photo"
        return schema

    for name in requests:
        schemas[name] = fill(schemas[name])
    schemas["classes"]["items"]["enum"] = labels
    return document


def test_generated_requests_are_answered_as_the_document_says(tmp_path):
    program, home = tool("schemathesis"), tmp_path / "home"
    home.mkdir()
    photos = tmp_path / "photos"
    photos.mkdir()
    image = PIL.Image.open(support.ROOT / ".tools" / "samples" / "astronaut.png").convert("RGB").resize((64, 48))
    for number, kind in enumerate(("JPEG", "PNG", "WEBP", "GIF", "BMP")):
        (photos / f"{number}").write_bytes(support.encode(image, kind))
    server = support.Server(tmp_path / "log", **alone(home))
    try:
        labels = server.client.call("GET", "/model").ok()["labels"]
        (tmp_path / "openapi.json").write_text(json.dumps(for_schemathesis(labels)))
        before = server.log.read_text().count(" status=")
        command = [
            program, "run", tmp_path / "openapi.json", "--url", server.base, "--phases", "examples,coverage,fuzzing",
            "--checks", CHECKS,
            "--max-examples", "40", "--no-shrink", "--generation-deterministic", "--continue-on-failure",
            "--request-timeout", "30", "--suppress-health-check", "all", "--warnings", "off", "--no-color", "--report-dir", tmp_path / "report",
        ]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment |= {"SCHEMATHESIS_HOOKS": "contract_hooks", "PYTHONPATH": str(support.ROOT / "tests"), "CONTRACT_PHOTOS": str(photos)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, cwd=tmp_path)
        count = server.log.read_text().count(" status=") - before
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert count >= LEAST, f"{count} requests\n{done.stdout[-3000:]}"
    finally:
        assert server.close() == 0
