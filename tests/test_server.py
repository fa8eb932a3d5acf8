"""The plain server, `detect-http --listen`, from outside. Its bounds, its queue and its end are in
functions/http/tests/server; here it is held against the emulator, and its page against a browser."""

import base64
import json
import threading
import time

import browser as chromium
import load
import pytest
import support

TOKEN = "open sesame, §1"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The plain server with the yolox fixture, which finds coloured rectangles."""
    server = support.Server(tmp_path_factory.mktemp("server") / "log", model=support.fixture("yolox")[0])
    yield server
    assert server.close() == 0


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    """The same under the Lambda emulator."""
    local = support.Emulator(tmp_path_factory.mktemp("emulated") / "log", model=support.fixture("yolox")[0])
    yield local
    local.close()


def multipart(*photos):
    parts = (b'--x7x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + photo + b"\r\n" for photo in photos)
    return b"".join(parts) + b"--x7x--\r\n"


def requests(photo, other):
    """[(method, path, content type, body)]: every route, every format, every kind of body, every refusal."""
    text, more = (base64.b64encode(data).decode() for data in (photo, other))
    both = json.dumps({"images": [text, "a*b=", more, 7]})
    yield from (("GET", path, None, b"") for path in ("/", "/health", "/model", "/model/", "/nothing", "/detect", "/health?a=%20b"))
    yield from (("POST", path, "image/png", photo) for path in ("/", "/detect", "/detect/", "/api/detect", "/health", "/other"))
    yield from ((method, "/detect", "image/png", photo) for method in ("PUT", "DELETE", "PATCH"))
    for query in ("confidence=0.75", "max_detections=1", "classes=red,blue", "classes=red&classes=blue", "classes=RED%2Cblue", "iou=0",
                  "annotate=true", "format=coco", "format=rekognition", "format=seed", "class_agnostic=true", "multi_label=true", "a=+b&=&c", "confidence=",
                  "confidence=2", "iou=x", "classes=unicorn", "format=xml", "annotate=perhaps"):  # fmt: skip
        yield "POST", f"/detect?{query}", "application/octet-stream", photo
    for shape in ("spotter", "coco", "rekognition", "seed"):
        yield "POST", f"/detect?format={shape}", "application/json", both
    yield "POST", "/api/detect", "application/json", both
    yield "POST", "/detect?annotate=true", "application/json", json.dumps({"image": text})
    yield "POST", "/detect", "application/json", json.dumps({"images": [text] * 65})
    yield "POST", "/detect", "application/vnd.x+json; charset=utf-8", json.dumps({"image": text, "confidence": 0})
    yield "POST", "/detect", "multipart/form-data; boundary=x7x", multipart(photo)
    yield "POST", "/detect", "multipart/form-data; boundary=x7x", multipart(photo, other)
    yield "POST", "/detect", "multipart/form-data; boundary=x7x", multipart()
    yield "POST", "/detect", "multipart/form-data", multipart(photo)
    for body in (b"", b"{", b"[]", b"{}", b'{"image": 7}', b'{"image": "a*b="}'):
        yield "POST", "/detect", "application/json", body
    for kind in ("text/plain", "application/xml", "x"):
        yield "POST", "/detect", kind, b"hello"
    for body in (b"", b"hello", b"GIF89a" + bytes(60), photo[:50], photo[: len(photo) // 2]):
        yield "POST", "/detect", "image/jpeg", body


def lasting(answer):
    """An answer without what differs each time."""
    if isinstance(answer, dict):
        fleeting = ("timings_ms", "cold_start", "init_ms", "inf_time", "avg_inf_time", "limits")
        return {name: lasting(value) for name, value in answer.items() if name not in fleeting}
    return [lasting(entry) for entry in answer] if isinstance(answer, list) else answer


def test_answers_are_those_of_the_emulated_function(server, emulated, pictures):
    count = 0
    for method, path, kind, body in requests(*(photo for photo, _ in pictures)):
        plain, other = (client.call(method, path, body, kind) for client in (server.client, emulated.client))
        what = f"{method} {path} {kind} {body[:60]}"
        assert plain.status == other.status, (what, plain.body[:300], other.body[:300])
        for header in ("content-type", "cache-control", "etag", "content-security-policy", "allow"):
            assert plain.headers.get(header) == other.headers.get(header), (what, header)
        assert ("server-timing" in plain.headers) == ("server-timing" in other.headers), what
        if plain.type.endswith("json"):
            assert lasting(plain.json) == lasting(other.json), what
        else:
            assert plain.body == other.body, what
        count += 1
    assert count >= 60


def test_no_content_type_at_all(server, pictures):
    """The emulator refuses what the function takes."""
    photo, expected = pictures[0]
    support.same_boxes(server.client.call("POST", "/detect", photo).ok()["detections"], expected)
    support.same_boxes(server.client.call("POST", "/detect", json.dumps({"image": base64.b64encode(photo).decode()})).ok()["detections"], expected)


def test_the_limits_are_those_of_the_place(server, emulated):
    plain, other = (client.call("GET", "/model").ok()["limits"] for client in (server.client, emulated.client))
    assert plain == {"bytes": 20 << 20, "pixels": 50_000_000} and other == {"bytes": 4_500_000, "pixels": 50_000_000}


def test_health_answers_while_the_model_loads(tmp_path):
    server = support.Server(tmp_path / "log", model=support.ROOT / "model" / "spotter-nano", ready=False)
    early = []
    while (reply := server.client.call("GET", "/health")).status != 200:
        early.append(reply.problem(503, "loading").headers["retry-after"])
    assert set(early) <= {"1"}
    assert server.close() == 0


def test_64_clients_hear_200_or_503_and_memory_stays(server, pictures):
    early = load.send_all(server.base, pictures[0][0], clients=64, requests=2000)
    before = server.megabytes()
    late = load.send_all(server.base, pictures[0][0], clients=64, requests=3000)
    assert set(early) | set(late) <= {200, 503} and late[200] > 0
    assert server.megabytes() <= before * 1.1


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """The plain server with a token."""
    server = support.Server(tmp_path_factory.mktemp("guarded") / "log", model=support.fixture("yolox")[0], API_TOKEN=TOKEN)
    yield server
    assert server.close() == 0
    assert TOKEN not in server.log.read_text()


def test_a_token_is_wanted(guarded, pictures):
    client, photo = guarded.client, pictures[0][0]
    bearer = lambda token: {"Authorization": f"Bearer {token}".encode()}  # noqa: E731
    for path in ("/", "/sample.jpg", "/health"):
        assert client.call("GET", path).status == 200
    for headers in ({}, bearer(""), bearer(TOKEN[:-1]), bearer(TOKEN + "1"), {"Authorization": TOKEN.encode()}):
        for method, path in (("GET", "/model"), ("POST", "/detect"), ("POST", "/")):
            reply = client.call(method, path, photo, "image/png", **headers).problem(401, "unauthorized")
            assert reply.headers["www-authenticate"] == "Bearer"
    assert client.call("GET", "/model", **bearer(TOKEN)).status == 200
    assert client.call("POST", "/detect", photo, "image/png", **bearer(TOKEN)).status == 200


def test_the_emulated_function_wants_it_too(tmp_path, pictures):
    local = support.Emulator(tmp_path / "log", model=support.fixture("yolox")[0], API_TOKEN="sesame")
    local.client.call("POST", "/detect", pictures[0][0], "image/png").problem(401, "unauthorized")
    assert local.client.call("POST", "/detect", pictures[0][0], "image/png", Authorization="Bearer sesame").status == 200
    local.close()


def test_the_page_asks_for_the_token_once(guarded, pictures, tmp_path):
    chromium.require_chromium()
    files = []
    for number, (photo, _) in enumerate(pictures):
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(photo)
    chrome = chromium.Browser(tmp_path)
    try:
        asked = "return !document.getElementById('token').hidden && document.getElementById('token-question').innerText"
        # What was found is told a moment after the photo stops to wait.
        done = "const told = [...document.querySelectorAll('.summary')].map(({ textContent }) => textContent); return told.length === arguments[0] && !told.some((text) => text.endsWith('…'))"
        chrome.open(guarded.base)
        assert "API_TOKEN" in chrome.wait(asked)
        chrome.type("#files", files[0])
        chrome.type("#token-field", "wrong\n")
        chrome.wait("return !document.getElementById('token').hidden && document.getElementById('token-question').innerText.includes('not the token')")
        chrome.type("#token-field", TOKEN + "\n")
        chrome.wait(done, 1)
        assert "objects" in chrome.run("return document.querySelector('.summary').innerText")
        assert "yolox" in chrome.run("return document.getElementById('model').innerText")
        assert chrome.run("return document.getElementById('token').hidden")
        # The tab keeps it; the line for the terminal does not tell it.
        chrome.open(guarded.base)
        chrome.type("#files", files[1])
        chrome.wait(done, 1)
        assert chrome.run("return document.getElementById('token').hidden")
        assert '-H "Authorization: Bearer $API_TOKEN"' in chrome.run("return document.querySelector('.curl code').textContent")
        assert "sesame" not in chrome.run("return document.documentElement.outerHTML")
    finally:
        chrome.close()


def test_sigterm_finishes_what_is_under_way(tmp_path, pictures):
    server = support.Server(tmp_path / "log", model=support.fixture("yolox")[0], arguments=("--sessions", "1"))
    photo, answers = support.draw(json.loads((support.fixture("yolox")[0] / "expected.json").read_text())["cases"][0]["picture"], 8), []
    body, together = {"images": [photo] * 12, "annotate": True}, threading.Barrier(3)

    def ask():
        client = support.Client(server.base)
        client.call("GET", "/health")
        together.wait()
        answers.append(client.json(body))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    while "photos=12" not in server.log.read_text():
        time.sleep(0.01)
    # The first is answered, so the others are there.
    assert server.close() == 0
    for thread in threads:
        thread.join()
    assert [len(answer.ok()["results"]) for answer in answers] == [12] * 3
