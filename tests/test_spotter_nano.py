"""The model in the tree keeps what its card promises. How well it detects is no test's business: see its card."""

import hashlib
import tomllib

import numpy as np
import onnx
import onnxruntime
import pytest
import support

FOLDER = support.ROOT / "model" / "spotter-nano"
# What a network without depthwise convolutions, folded for inference, consists of; Cast is for weights stored as fp16.
OPERATORS = set("Add Cast Concat Constant Conv MaxPool Relu Reshape Resize Sigmoid Slice Transpose".split())


@pytest.fixture(scope="module")
def card():
    return tomllib.loads((FOLDER / "model.toml").read_text())


@pytest.fixture(scope="module")
def graph():
    graph = onnx.load(FOLDER / "model.onnx")
    onnx.checker.check_model(graph, full_check=True)
    return graph


def test_its_card_knows_its_bytes(card):
    data = (FOLDER / "model.onnx").read_bytes()
    assert (card["sha256"], card["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert len(data) <= 4_000_000


def test_any_onnx_runtime_of_the_last_years_takes_it(graph):
    assert [(o.domain, o.version <= 17) for o in graph.opset_import] == [("", True)]
    assert not graph.functions and not graph.training_info


def test_nothing_of_the_training_is_left_in_it(graph):
    assert {node.op_type for node in graph.graph.node} <= OPERATORS
    used = {name for node in graph.graph.node for name in node.input}
    assert [tensor.name for tensor in graph.graph.initializer if tensor.name not in used] == []
    assert not graph.graph.doc_string and not any(node.doc_string for node in graph.graph.node)


def test_batch_and_sizes_are_free(graph):
    def shape(value):
        return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]

    (images,), (output,) = graph.graph.input, graph.graph.output
    assert (images.name, shape(images)) == ("images", ["batch", 3, "height", "width"])
    assert (output.name, shape(output)) == ("output", ["batch", "cells", 85])


def test_a_photo_gets_the_same_answer_in_any_batch(card):
    session = onnxruntime.InferenceSession(FOLDER / "model.onnx", providers=["CPUExecutionProvider"])
    photos = np.random.default_rng(1).uniform(0, 255, (3, 3, *card["input"]["size"])).astype(np.float32)
    (together,) = session.run(None, {"images": photos})
    for photo, answer in zip(photos, together):
        np.testing.assert_allclose(session.run(None, {"images": photo[None]})[0][0], answer, atol=1e-3)
    (wide,) = session.run(None, {"images": photos[:1, :, :256]})
    assert wide.shape == (1, 1680, 85)
    assert together.shape == (3, 2100, 85) and np.isfinite(together).all()
    assert together[..., 4:].min() >= 0 and together[..., 4:].max() <= 1
