"""Turns a checkpoint into the ONNX file that ships, and checks that both answer alike.

    python export.py run/last.pt model.onnx [--card model.toml] [--keep before.onnx 0.15]

Batch norm is folded into the convolutions and 1/255 into the first one, so that the graph takes 0..255; objectness and
class logits leave as probabilities. The convolutions' weights are stored as fp16 and cast to fp32 when a session is
made: the file is half as large, the arithmetic the same. With --card the card's sha256 and bytes are brought up to
date. Several checkpoints are averaged first (of one run, late in its schedule). With --keep a share of the weights is
that of another export, of the weights that the training started from.
"""
import argparse
import copy
import hashlib
import pathlib
import re
import warnings

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from nano import CLASSES, HALF, SIZE, STRIDES, Block, Detector, session
from unfold import weights_of

OPSET = 17


class Deployed(nn.Module):
    """Picture f32 [B,3,H,W] in 0..255 -> [B,N,85] in YOLOX's layout, scores as probabilities; N is 2100 for 320x320."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        levels = []
        for i, y in enumerate(self.net.features(images)):
            boxes = self.net.boxes[i](self.net.box_stems[i](y))
            classes = self.net.classes[i](self.net.class_stems[i](y))
            scores = torch.sigmoid(torch.cat([boxes[:, 4:], classes], 1))
            cells = int(y.shape[2]) * int(y.shape[3])       # a constant, until free()
            levels.append(torch.cat([boxes[:, :4], scores], 1).reshape(-1, 5 + CLASSES, cells))
        return torch.cat(levels, 2).transpose(1, 2)


def load(paths):
    """The network with the mean of the checkpoints' averaged weights."""
    states = [torch.load(path, map_location="cpu")["mean"] for path in paths]
    net = Detector()
    net.load_state_dict({k: sum(s[k].double() for s in states).div(len(states)).to(v.dtype)
                         for k, v in states[0].items()})
    return net.eval()


def fold(net):
    """A copy without batch norm that takes 0..255."""
    net = copy.deepcopy(net).eval()
    for block in net.modules():
        if isinstance(block, Block):
            block[0], block[1] = nn.utils.fuse_conv_bn_eval(block[0], block[1]), nn.Identity()
    net.stem[0].weight.data /= 255
    return net


@torch.no_grad()
def mix(net, path, share):
    """Averages the folded weights with an exported file's, `share` of the latter: what a training forgot comes back in
    part (Wortsman et al. 2022, Robust fine-tuning of zero-shot models)."""
    kept = weights_of(path)
    for name, block in net.named_modules():
        if isinstance(block, Block):
            convolution, norm = block[0], block[1]
            folded = nn.utils.fuse_conv_bn_eval(convolution, norm)
            scale = 255 if name == "stem" else 1
            convolution.weight.copy_(folded.weight.lerp(kept[f"{name}.0.weight"] * scale, share))
            norm.weight.copy_((norm.running_var + norm.eps).sqrt())
            norm.bias.copy_(folded.bias.lerp(kept[f"{name}.0.bias"], share) + norm.running_mean)
    for name, parameter in net.named_parameters():
        if name.startswith(("classes.", "boxes.")):
            parameter.lerp_(kept[name], share)


def cells_of(width, height):
    """Cells of all levels."""
    return sum((width // stride) * (height // stride) for stride in STRIDES)


def export(net, path, size=SIZE):
    """Writes the graph, traced on `size` x `size` pixels; batch, height and width are free."""
    axes = {"images": {0: "batch", 2: "height", 3: "width"}, "output": {0: "batch", 1: "cells"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Deployed(fold(net)), torch.zeros(1, 3, size, size), str(path), opset_version=OPSET,
                          input_names=["images"], output_names=["output"], dynamic_axes=axes)
    model = onnx.load(str(path))
    free(model)
    onnx.save(model, str(path))


def free(model):
    """Frees the sizes that tracing made constants: the cells in the Reshapes, and what the exporter says of the output."""
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            shape = numpy_helper.to_array(node.attribute[0].t)
            if shape.dtype == np.int64 and shape.shape == (3,) and shape[1] == 5 + CLASSES:
                freed = np.array([0, 5 + CLASSES, -1], np.int64)
                node.attribute[0].t.CopyFrom(numpy_helper.from_array(freed, node.attribute[0].t.name))
    for axis, name in zip(model.graph.output[0].type.tensor_type.shape.dim[:2], ("batch", "cells")):
        axis.dim_param = name
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 5 + CLASSES


def halve(path):
    """Stores the large weights of the graph as fp16, each with a cast to fp32 behind it."""
    model = onnx.load(str(path))
    graph, casts = model.graph, []
    for weights in graph.initializer:
        array = numpy_helper.to_array(weights)
        if array.dtype == np.float32 and array.size >= 1024:
            stored = weights.name + HALF
            casts.append(onnx.helper.make_node("Cast", [stored], [weights.name], stored, to=onnx.TensorProto.FLOAT))
            weights.CopyFrom(numpy_helper.from_array(array.astype(np.float16), stored))
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def check(net, path, size=SIZE):
    """Largest difference between the graph and the unfolded network, for batches of one and three, square and wide."""
    onnx, worst = session(path), 0.0
    for batch, height in ((1, size), (3, size), (1, size - 64)):
        pictures = np.random.default_rng(batch).uniform(0, 255, (batch, 3, height, size)).astype(np.float32)
        with torch.no_grad():
            answer = net(torch.from_numpy(pictures) / 255)
        answer = torch.cat([answer[..., :4], answer[..., 4:].sigmoid()], 2).numpy()
        got = onnx.run(None, {"images": pictures})[0]
        assert got.shape == (batch, cells_of(size, height), 5 + CLASSES), got.shape
        worst = max(worst, float(np.abs(got - answer).max()))
    return worst


def stamp(card, model):
    """Brings the card's digest and size up to date."""
    data = model.read_bytes()
    text = re.sub(r'(?m)^sha256 = ".*"$', f'sha256 = "{hashlib.sha256(data).hexdigest()}"', card.read_text())
    card.write_text(re.sub(r"(?m)^bytes = \d+$", f"bytes = {len(data)}", text))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--card", type=pathlib.Path, help="model.toml of the model")
    parser.add_argument("--keep", nargs=2, metavar=("FILE", "SHARE"), help="share of another export's weights, 0 to 1")
    parser.add_argument("--size", type=int, default=SIZE, help="side on which it is traced, a multiple of 32")
    options = parser.parse_args()
    net = load(options.checkpoints)
    if options.keep:
        mix(net, options.keep[0], float(options.keep[1]))
    export(net, options.model, options.size)
    folding = check(net, options.model, options.size)
    halve(options.model)
    difference = check(net, options.model, options.size)
    if folding > 1e-3 or difference > 0.1:
        raise SystemExit(f"ONNX and PyTorch differ by {folding:.2g}, with fp16 weights by {difference:.2g}")
    if options.card:
        stamp(options.card, options.model)
    parameters = sum(p.numel() for p in fold(net).parameters())
    print(f"{options.model}: {parameters} parameters, {options.model.stat().st_size} bytes, opset {OPSET}, "
          f"differs from PyTorch by at most {folding:.2g}, with fp16 weights by {difference:.2g}")


if __name__ == "__main__":
    main()
