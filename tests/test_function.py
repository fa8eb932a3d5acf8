"""The function from outside, over plain HTTP and through the real emulator: bodies, options, formats. The fixture model finds the blue and
the red rectangle of a picture, so that every answer is known."""

import base64
import io
import time

import PIL.Image
import pytest
import support


def detections(reply):
    return reply.ok()["detections"]


def multipart(*files):
    """(body, content type) of a form with files [(field, file name, type, bytes)]."""
    parts = b"".join(
        f'--x7x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for field, name, kind, data in files
    )
    return parts + b"--x7x--\r\n", "multipart/form-data; boundary=x7x"


def test_health_model_and_root(function):
    assert function.call("GET", "/health").status == 200
    model = function.call("GET", "/model").ok()
    assert model["card_origin"] == "model.toml"
    assert "yolox" in str(model) and "blue" in str(model) and "64" in str(model)
    assert function.call("GET", "/").status == 200


def test_json_with_one_photo(function, pictures):
    photo, expected = pictures[0]
    answer = function.json({"image": photo}).ok()
    support.same_boxes(answer["detections"], expected)
    assert answer["image"] == {"width": 128, "height": 96}
    assert answer["model"]["name"] == "yolox" and len(answer["model"]["sha256"]) == 64
    assert answer["thresholds"] == {"confidence": 0.25, "iou": 0.45, "max_detections": 100}
    assert answer["init_ms"] > 0 and isinstance(answer["cold_start"], bool)
    timings = answer["timings_ms"]
    assert set(timings) == {"queue", "decode", "preprocess", "inference", "postprocess", "total"}
    stages = sum(value for name, value in timings.items() if name != "total")
    assert 0 < stages <= timings["total"] + 0.01


def test_headers_tell_stages_and_cold_start(function, pictures):
    reply = function.json({"image": pictures[0][0]})
    stages = dict(entry.split(";dur=") for entry in reply.headers["server-timing"].split(", "))
    assert float(stages["inference"]) == reply.ok()["timings_ms"]["inference"]
    assert reply.headers["x-cold-start"] == str(reply.json["cold_start"]).lower()


def test_the_first_answers_are_cold_and_later_ones_are_not(function, pictures):
    for _ in range(4):  # as many as there may be copies of the function
        function.json({"image": pictures[0][0]})
    assert function.json({"image": pictures[0][0]}).ok()["cold_start"] is False


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "application/octet-stream", "image/whatever"])
def test_raw_bodies_are_told_by_their_content(function, pictures, kind):
    for photo, expected in pictures:
        support.same_boxes(detections(function.post(photo, content_type=kind)), expected)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_kinds_of_photo(function, pictures, kind):
    photo, expected = pictures[0]
    image = PIL.Image.open(io.BytesIO(photo))
    data = support.encode(image, "JPEG") if kind == "JPEG" else webp(image)
    support.same_boxes(detections(function.post(data)), expected, pixels=1.5, score=0.05)


def webp(image):
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True)
    return file.getvalue()


@pytest.mark.parametrize("path", ["/", "/detect", "/detect?", "/?confidence=0.25"])
def test_paths(function, pictures, path):
    support.same_boxes(detections(function.json({"image": pictures[0][0]}, path)), pictures[0][1])


def test_multipart_with_one_file_and_with_two(function, pictures):
    (first, expected), (second, also_expected) = pictures
    body, kind = multipart(("file", "a.png", "image/png", first))
    support.same_boxes(detections(function.post(body, content_type=kind)), expected)
    body, kind = multipart(("a", "a.png", "image/png", first), ("b", "b.bin", "application/octet-stream", second))
    results = function.post(body, content_type=kind).ok()["results"]
    support.same_boxes(results[0]["detections"], expected)
    support.same_boxes(results[1]["detections"], also_expected)


@pytest.mark.parametrize("prefix", ["data:image/png;base64,", "data:;base64,", "\n "])
def test_base64_with_a_prefix(function, pictures, prefix):
    text = prefix + base64.b64encode(pictures[0][0]).decode()
    support.same_boxes(detections(function.json({"image": text})), pictures[0][1])


def test_options_in_the_query_and_in_json_are_the_same(function, pictures):
    photo, expected = pictures[0]
    blue = [e for e in expected if e["label"] == "blue"]
    for options in ({"classes": "blue"}, {"confidence": 0.75}, {"max_detections": 1}):
        query = "&".join(f"{name}={value}" for name, value in options.items())
        support.same_boxes(detections(function.post(photo, "/detect?" + query)), blue)
        support.same_boxes(detections(function.json({"image": photo} | options)), blue)
    support.same_boxes(detections(function.json({"image": photo, "classes": ["BLUE", "green"]})), blue)


def test_zero_is_a_value(function, pictures):
    answer = function.json({"image": pictures[0][0], "max_detections": 0, "confidence": 0, "iou": 0}).ok()
    assert answer["detections"] == []
    assert answer["thresholds"] == {"confidence": 0, "iou": 0, "max_detections": 0}


def test_several_photos_answer_in_order_and_one_bad_one_spoils_nothing(function, pictures):
    (first, expected), (second, also_expected) = pictures
    images = [first, "a*b=", second, b"8BPS" + bytes(40), first[:80], 7, first]
    results = function.json({"images": images}).ok()["results"]
    codes = [result["error"]["code"] if "error" in result else None for result in results]
    assert codes == [None, "invalid_base64", None, "unsupported_image", "undecodable_image", "invalid_parameter", None]
    support.same_boxes(results[0]["detections"], expected)
    support.same_boxes(results[2]["detections"], also_expected)
    assert all(result["error"]["message"] for result in results if "error" in result)


def test_64_photos_are_answered_and_65_are_not(function, pictures):
    photo = pictures[0][0]
    assert len(function.json({"images": [photo] * 64}).ok()["results"]) == 64
    function.json({"images": [photo] * 65}).problem(400, "invalid_parameter")


def test_format_seed(function, pictures):
    photo, expected = pictures[0]
    answer = function.json({"image": photo, "format": "seed"}).ok()
    normalised = [[y1 / 96, x1 / 128, y2 / 96, x2 / 128] for x1, y1, x2, y2 in (e["box"] for e in expected)]
    assert answer["status"] == 200 and float(answer["inf_time"]) >= 0 and isinstance(answer["inf_time"], str)
    for found, box in zip(answer["bounding_boxes"], normalised, strict=True):
        assert found == pytest.approx(box, abs=0.005)
    assert answer["labels"] == [e["label"] for e in expected] and len(answer["scores"]) == 2
    assert function.json({"image": photo, "format": "seed", "confidence": 1}).ok()["bounding_boxes"] is None


def test_format_coco(function, pictures):
    photo, expected = pictures[0]
    results = function.post(photo, "/detect?format=coco").ok()
    assert [r["category_id"] for r in results] == [e["class_id"] + 1 for e in expected]
    for result, (x1, y1, x2, y2) in zip(results, (e["box"] for e in expected)):
        assert result["bbox"] == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=0.5) and "image_id" in result


def test_format_rekognition(function, pictures):
    photo, expected = pictures[0]
    labels = function.json({"image": photo, "format": "rekognition"}).ok()["Labels"]
    assert [label["Name"] for label in labels] == ["Blue", "Red"]
    assert labels[0]["Confidence"] == pytest.approx(100 * expected[0]["score"], abs=2)
    box = labels[0]["Instances"][0]["BoundingBox"]
    assert box == pytest.approx({"Left": 66 / 128, "Top": 24 / 96, "Width": 54 / 128, "Height": 60 / 96}, abs=0.005)


def test_annotate_answers_the_photo_with_boxes_drawn(function, pictures):
    photo = pictures[0][0]
    reply = function.post(photo, "/detect?annotate=true")
    assert reply.status == 200 and reply.type == "image/jpeg"
    drawn = PIL.Image.open(io.BytesIO(reply.body))
    assert drawn.size == (128, 96) and drawn.format == "JPEG"
    inside = PIL.Image.open(io.BytesIO(photo)).convert("RGB").getpixel((90, 60))
    assert drawn.getpixel((90, 60)) == pytest.approx(inside, abs=12), "a box is an outline"
    annotated = function.json({"image": photo, "annotate": True}).ok()["annotated"]
    assert PIL.Image.open(io.BytesIO(base64.b64decode(annotated))).size == (128, 96)


def test_the_student_projects_first_client(function, pictures):
    """It posts one photo and reads one list of boxes."""
    photo, expected = pictures[0]
    answer = function.json({"image": photo}, "/api/detect").ok()
    assert answer["status"] == 200 and float(answer["inf_time"]) >= 0
    assert len(answer["bounding_boxes"]) == 2 and all(0 <= v <= 1 for box in answer["bounding_boxes"] for v in box)


def test_the_student_projects_second_client(function, pictures):
    """It posts a list with a time stamp and reads a list of lists and two times."""
    images = [photo for photo, _ in pictures]
    answer = function.json({"images": images, "timestamp": time.time()}, "/api/detect").ok()
    assert answer["status"] == 200 and [len(boxes) for boxes in answer["bounding_boxes"]] == [2, 2]
    assert float(answer["inf_time"]) >= float(answer["avg_inf_time"]) >= 0
