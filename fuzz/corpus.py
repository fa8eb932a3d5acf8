"""Writes fuzz/corpus/TARGET/: small inputs that each target begins with, made of the tests' fixtures and a few made here.

    .tools/test-venv/bin/python fuzz/corpus.py           # writes anew what this script makes; leaves found-by-fuzzing files
    .tools/test-venv/bin/python fuzz/corpus.py --check   # writes nothing; fails where the tree differs
"""

import base64
import gzip
import io
import json
import pathlib
import sys
import zlib

import brotli
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

FUZZ = pathlib.Path(__file__).resolve().parent
TREE = FUZZ.parent
LARGEST = 12_000  # bytes of a file: larger ones are mutated to little use


def tree(pattern, largest=LARGEST):
    for path in sorted(TREE.glob(pattern)):
        data = path.read_bytes()
        if path.suffix != ".py" and len(data) <= largest:
            yield "-".join(path.relative_to(TREE).parts[-2:]), data


def picture():
    image = Image.new("RGB", (24, 16), (30, 40, 220))
    image.paste((220, 30, 30), (0, 0, 12, 8))
    image.paste((120, 200, 30), (12, 8, 24, 16))
    return image


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def saved(image, kind, **options):
    to = io.BytesIO()
    image.save(to, kind, **options)
    return to.getvalue()


def decode():
    yield from tree("detector/tests/photos/*", 2000)
    image = picture()
    yield "jpeg", saved(image, "JPEG", quality=70, exif=exif(6))
    yield "jpeg-progressive", saved(image, "JPEG", quality=60, progressive=True, subsampling=0)
    yield "jpeg-grey", saved(image.convert("L"), "JPEG", quality=60, restart_marker_blocks=1)
    yield "jpeg-cmyk", saved(image.convert("CMYK"), "JPEG", quality=60)
    yield "jpeg-large", saved(image.resize((192, 128)), "JPEG", quality=40)
    yield "png", saved(image, "PNG", exif=exif(3))
    yield "png-16", saved(Image.new("I;16", (8, 4), 40000), "PNG")
    yield "png-palette", saved(image.quantize(4), "PNG", transparency=0)
    yield "png-alpha", saved(image.convert("RGBA"), "PNG")
    yield "png-1", saved(image.convert("1"), "PNG")
    yield "gif", saved(image.quantize(4), "GIF")
    yield "gif-frames", saved(image.quantize(4), "GIF", save_all=True, append_images=[image.rotate(90).quantize(8)], loop=0)
    yield "bmp", saved(image, "BMP")
    yield "bmp-palette", saved(image.quantize(4), "BMP")
    yield "webp-lossless", saved(image, "WEBP", lossless=True, exif=exif(8))
    yield "webp-alpha", saved(image.convert("RGBA"), "WEBP", quality=30)
    yield "webp-frames", saved(image, "WEBP", save_all=True, append_images=[image.rotate(90)])
    yield "tiff-cut-in-its-directory", b"II*\0\x08\0\0\0\x01\0\x06\x01\x01\0\x01\0\0\0\x03"
    yield "jp2-head", b"\0\0\0\x0cjP  \r\n\x87\n"


def orientation():
    for number in range(1, 9):
        yield f"exif-{number}", exif(number)
        yield f"bare-{number}", exif(number).removeprefix(b"Exif\0\0")
    yield "big-endian", b"MM\0*\0\0\0\x08\0\x02\x01\x0f\0\x02\0\0\0\x04abc\0\x01\x12\0\x04\0\0\0\x01\0\0\0\x06\0\0\0\0"


def event():
    yield from tree("functions/bulk/tests/events/*.json")


def key():
    for number, text in enumerate(["a/b.jpg", "A+file%2Bname+%C3%A9%281%29.jpg", "100%.jpg", "%F0%9F%90%88.png", "folder/", "%ff.jpg", "é ü.jpg"]):
        yield f"key-{number}", text.encode()
    yield "key-long", b"x" * 1025


def card():
    yield from tree("model/**/model.toml", 4000)
    yield "not-finite.toml", b"""name = "n"
labels = ["a"]
[input]
mean = [nan, 0.0, 0.0]
[head]
kind = "yolox"
"""
    yield "all.toml", b"""name = "all"
license = "MIT"
source = "https://example.invalid/a.onnx"
sha256 = "ab"
bytes = 7
summary = "All there is."
labels = ["red", "green", "blue"]
[input]
size = [64, 64]
layout = "nhwc"
color = "bgr"
resize = "letterbox-center"
fit = "shape"
pad = 114
scale = 0.00392156862745098
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
[head]
kind = "table"
boxes = "xywh"
unit = "photo"
objectness = true
activation = "softmax"
transposed = true
extra = 32
nms = false
outputs = {boxes = "b", scores = "s", classes = "c", count = "n"}
[defaults]
confidence = 0.25
iou = 0.45
"""


def graph(build):
    """A graph from `images` [1, 3, 64, 64]; `build` gets two functions that add nodes and constants."""
    nodes, constants = [], []

    def const(values, kind=np.int64):
        constants.append(numpy_helper.from_array(np.asarray(values, kind), f"c{len(constants)}"))
        return constants[-1].name

    def op(kind, *inputs, **attributes):
        nodes.append(helper.make_node(kind, list(inputs), [f"t{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    def conv(source, inputs, outputs, side=1, **attributes):
        weights = const(np.linspace(-1, 1, outputs * inputs * side * side).reshape(outputs, inputs, side, side), np.float32)
        return op("Conv", source, weights, kernel_shape=[side, side], pads=[side // 2] * 4, **attributes)

    last = build(op, const, conv)
    values = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])], [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)]
    model = helper.make_model(helper.make_graph(nodes, "g", *values, initializer=constants), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def onnx():
    def focus(op, const, conv):
        part = lambda row, column: op("Slice", "images", const([row, column]), const([2**63 - 1] * 2), const([2, 3]), const([2, 2]))
        return conv(op("Concat", part(0, 0), part(1, 0), part(0, 1), part(1, 1), axis=1), 12, 2, 3)

    def pools(op, const, conv):
        start = conv("images", 3, 2)
        return op("Concat", *[op("MaxPool", start, kernel_shape=[side] * 2, pads=[side // 2] * 4, strides=[1, 1]) for side in (9, 5, 13)], axis=1)

    def shuffle(op, const, conv):
        apart = op("Reshape", conv("images", 3, 6), const([1, 2, 3, 64, 64]))
        return op("Reshape", op("Transpose", apart, perm=[0, 2, 1, 3, 4]), const([1, -1, 64, 64]))

    def concat(op, const, conv):
        return conv(op("Concat", conv("images", 3, 2, 3), op("Relu", conv("images", 3, 3)), axis=1), 5, 2)

    def cells(op, const, conv):
        return op("Reshape", conv("images", 3, 5, strides=[8, 8]), const([1, 5, 64]))

    def shuffle_huge(op, const, conv):
        apart = op("Reshape", "images", const([1, 2**31, 2**32, 1, 1]))
        return op("Reshape", op("Transpose", apart, perm=[0, 2, 1, 3, 4]), const([1, -1, 1, 1]))

    def shuffle_large(op, const, conv):
        apart = op("Reshape", "images", const([1, 2**20, 2**20, 1, 1]))
        return op("Reshape", op("Transpose", apart, perm=[0, 2, 1, 3, 4]), const([1, -1, 1, 1]))

    def focus_of_nothing(op, const, conv):
        part = lambda row, column: op("Slice", "images", const([row, column]), const([2**63 - 1] * 2), const([2, 3]), const([2, 2]))
        joint = op("Concat", part(0, 0), part(1, 0), part(0, 1), part(1, 1), axis=1)
        return op("Conv", joint, const(np.zeros((2**40, 0, 3, 3)), np.float32))

    def focus_in_a_circle(op, const, conv):
        op("Slice", "t0", const([]), const([]), const([]), const([]))
        return conv(op("Concat", "t0", "t0", "t0", "t0", axis=1), 4, 2)

    def concat_of_nothing(op, const, conv):
        nothing = lambda: op("Conv", "images", const(np.zeros((0, 3, 1, 1)), np.float32))
        return op("Conv", op("Concat", nothing(), nothing(), axis=1), const(np.zeros((2, 0, 1, 1)), np.float32))

    def sums_beyond_64_bits(op, const, conv):
        last = conv(conv("images", 3, 2), 2, 2)
        return op("MaxPool", last, kernel_shape=[3, 3], pads=[2**63 - 1] * 4)

    builds = (focus, pools, shuffle, concat, cells, shuffle_huge, shuffle_large, focus_of_nothing, focus_in_a_circle, concat_of_nothing)
    for build in (*builds, sums_beyond_64_bits):
        yield build.__name__, graph(build)
    yield from tree("model/fixtures/**/*.onnx", 6000)


ANSWER = {
    "image": {"width": 640, "height": 480},
    "detections": [{"label": "cat", "class_id": 15, "score": 0.91, "box": [64.0, 48.5, 320.0, 240.25]}],
    "model": {"name": "yolox-nano", "sha256": "c789", "note": "stands in"},
    "thresholds": {"confidence": 0.25, "iou": 0.45, "max_detections": 100},
    "timings_ms": {"queue": 0.25, "decode": 1.0, "preprocess": 0.5, "inference": 7.0, "postprocess": 0.5, "total": 9.25, "slices": 4},
    "cold_start": False,
    "init_ms": 1e2,
}
SOURCE = {"bucket": "in", "key": "a b.jpg", "etag": "d41d", "size": 7, "version_id": "v"}
ERROR = {"error": {"code": "undecodable_image", "message": "It is broken."}}


def text(*values):
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def line():
    yield "answer", text({"source": SOURCE} | ANSWER | {"request_id": "8f5e"})
    yield "error", text({"source": SOURCE, "model": ANSWER["model"]} | ERROR)
    yield "local", text({"photo": "in/a.jpg", "client_ms": {"total": 9.0}} | ANSWER, {"photo": "in/b.jpg"} | ERROR)
    yield "broken", b"\xef\xbb\xbf" + text({"photo": "a.jpg"})[:-4] + b"\n\n[]\n"


def journal():
    places = {"bucket": "s3://in/", "results": "s3://out/"}
    note = {"key": "a.jpg", "photo": "in/a.jpg", "size": 7, "modified": 1, "sha256": "ab", "etag": "e1", "uploaded": 5}
    yield "two", text(places, note, note | {"key": "b.jpg", "etag": "e2"})
    yield "torn", text(places, note, note)[:-9]
    yield "other", text(places | {"bucket": "s3://other/"}, note)


def queue_journal():
    places = {"existing": "s3://in/", "queue": "http://q", "results": "s3://out/", "before": {"until": 7.0, "keys": ["r"]}}
    photos = [[{"key": "a.jpg", "size": 7, "etag": "e"}], [{"key": "b.jpg"}, {"key": "c.jpg", "version_id": "v"}]]
    yield "sent", text(places, {"seed": 7}, {"request": 0, "messages": photos}, {"request": 0, "sent": [0, 1]})
    yield "torn", text(places, {"request": 3, "messages": photos}, {"request": 3, "sent": [1]})[:-5]
    yield "last-request", text(places, {"request": 2**64 - 1, "messages": photos})


def inventory():
    schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass"
    manifest = {
        "sourceBucket": "photos", "destinationBucket": "arn:aws:s3:::lists", "version": "2016-11-30",
        "creationTimestamp": "1700000000000", "fileFormat": "CSV", "fileSchema": schema,
        "files": [{"key": "x/data/1.csv.gz", "size": 7, "MD5checksum": "ab"}],
    }
    columns = "message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); optional int64 size; }"
    rows = b'"b","in/A+file%2Bname+%C3%A9.jpg","v1","true","false","1024","2023-11-14T22:13:20.500Z","d41d"\n"b","a.jpg","null","false","","","",""\n"b","%ff"\n'
    yield "manifest-csv", text(manifest)
    yield "manifest-parquet", text(manifest | {"fileFormat": "Parquet", "fileSchema": columns})
    yield "rows", rows
    yield "rows-gz", gzip.compress(rows, mtime=0)


def lists():
    names = "in/a b.jpg\nin/\u00fc.jpg\n"
    yield "lines", names.encode()
    yield "crlf", names.replace("\n", "\r\n").encode("utf-8-sig")
    yield "nul", names.replace("\n", "\0").encode()
    yield "utf16le", names.encode("utf-16-le")
    yield "utf16be", b"\xfe\xff" + names.encode("utf-16-be")
    yield "folder", b".\n./a.jpg\n./b\n"


def proxy():
    urls = "http://name.invalid/\nhttps://192.0.2.1:8443/a?b\nhttps://[2001:db8::1]/\nhttp://localhost:9000/\n"
    yield "all", ("ALL_PROXY=http://user:S3CR3T@proxy.invalid:3128\nNO_PROXY=.invalid:80,192.0.2.0/24,[2001:db8::1]:443,*.x\n" + urls).encode()
    yield "each", ("http_proxy=proxy.invalid\nHTTPS_PROXY=https://u%40:S3CR3T@[2001:db8::2]\nno_proxy=*\nREQUEST_METHOD=GET\n" + urls).encode()
    yield "scheme-in-a-password", ("ALL_PROXY=u:S3CR3T://x@proxy.invalid:1\n" + urls).encode()
    yield "wrong", ("https_proxy=socks5://u:S3CR3T@p:1\nhttp_proxy=http://u:S3CR3T/x@p:99999\n" + urls).encode()


def query():
    for number, text in enumerate([
        "confidence=0.5&iou=0.45&max_detections=100&classes=cat,%20dog&class_agnostic=1&multi_label=no&format=coco",
        "annotate=true&slice=640&slice_overlap=0.2&max_slices=64&redact=blur&redact_margin=0.1",
        "classes=cat&classes=dog&iou=&X-Amz-Date=1&conf=1", "confidence=1e-3&format=rekognition", "redact=none&slice=0",
    ]):
        yield f"query-{number}", text.encode()


def bodies():
    photo = saved(picture(), "PNG")
    return photo, base64.b64encode(photo).decode()


def requests():
    _, photo = bodies()
    yield "image", text({"image": photo, "confidence": 0.5, "classes": ["cat"], "annotate": True})
    yield "images", text({"images": ["data:image/png;base64," + photo, 7, "_-8="], "format": "coco", "slice": "64"})
    yield "rekognition", text({"Image": {"Bytes": photo}, "MaxLabels": 5, "MinConfidence": 55.5, "Features": ["GENERAL_LABELS"], "Settings": {"GeneralLabels": {"LabelInclusionFilters": ["Cat"]}}})
    yield "rekognition-s3", text({"Image": {"S3Object": {"Bucket": "in", "Name": "a.jpg"}}})
    yield "roboflow", text({"model_id": "a/1", "image": {"type": "base64", "value": photo}, "confidence": 0.4, "iou_threshold": 0.5, "class_filter": ["cat"]})
    yield "roboflow-list", text({"image": [{"type": "base64", "value": photo}, {"type": "url", "value": "http://a.invalid"}]})


def multipart():
    photo, encoded = bodies()
    part = lambda head, body: b"--x\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + body + b"\r\n"
    form = part(b'name="image"; filename="a.png"\r\nContent-Type: image/png', photo[:80]) + part(b'name="confidence"', b"0.5") + part(b'name="files"\r\nContent-Transfer-Encoding: base64', encoded.encode())
    yield "form", b"multipart/form-data; boundary=x\n" + form + b"--x--\r\n"
    yield "empty", b'multipart/form-data; boundary="x"\n' + part(b'name="image"; filename=""', b"") + b"--x--\r\n"
    yield "name", "multipart/form-data; boundary=x\n".encode() + part("name=\"a\"; filename*=UTF-8''%e2%82%ac.png; filename=\"\u20ac\"".encode(), photo[:20]) + b"--x--\r\n"
    yield "raw", b"image/png\n" + photo
    yield "undeclared", b"application/x-www-form-urlencoded\na=b&c=d"


def coding():
    body = text({"image": "A" * 200})
    deflated = zlib.compress(body)
    yield "gzip", b"gzip\n" + gzip.compress(body, mtime=0) * 2
    yield "zlib", b"deflate\n" + deflated
    yield "deflate", b"deflate\n" + deflated[2:-4]
    yield "brotli", b"br\n" + brotli.compress(body)
    yield "layers", b"gzip, br, deflate\n" + zlib.compress(brotli.compress(gzip.compress(body, mtime=0)))


TARGETS = {
    "card": card, "coding": coding, "decode": decode, "event": event, "inventory": inventory, "journal": journal, "json": requests,
    "key": key, "queue_journal": queue_journal, "line": line, "list": lists, "multipart": multipart, "onnx": onnx, "orientation": orientation,
    "proxy": proxy, "query": query,
}


def main():
    check, differ, total = "--check" in sys.argv[1:], [], 0
    for target, make in TARGETS.items():
        folder = FUZZ / "corpus" / target
        for name, data in make():
            path, total = folder / name, total + len(data)
            if check:
                differ += [path] if not path.is_file() or path.read_bytes() != data else []
                continue
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    if differ:
        sys.exit("not as fuzz/corpus.py writes them: " + ", ".join(str(path.relative_to(TREE)) for path in differ))
    print(f"{total} bytes")


if __name__ == "__main__":
    main()
