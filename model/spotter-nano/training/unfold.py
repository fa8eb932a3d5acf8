"""Brings a shipped ONNX file back into a network that can be trained on: what export.py's `fold` did, undone."""
import onnx
import torch
from onnx import numpy_helper

from nano import HALF, Block, Detector


def weights_of(path):
    """The folded weights of an exported file, f32, by their names in the network."""
    return {w.name.removeprefix("net.").removesuffix(HALF): torch.from_numpy(numpy_helper.to_array(w).copy()).float()
            for w in onnx.load(str(path)).graph.initializer}


def sizes_of(weights):
    """The sizes of the Detector that the weights (by name) belong to."""
    wide = lambda *names: tuple(len(weights[f"{name}.0.weight"]) for name in names)
    deep = lambda stage: len({name.split(".residuals.")[1].split(".")[0] for name in weights
                              if name.startswith(f"{stage}.residuals.")})
    return dict(backbone=wide("stem", "down2", "down3", "down4", "down5"),
                depths=tuple(map(deep, ("stage3", "stage4", "stage5.1"))),
                neck=wide(*(f"box_stems.{i}" for i in range(3))),
                classing=wide(*(f"class_stems.{i}" for i in range(3))))


@torch.no_grad()
def unfold(path, pictures):
    """The network of an exported file, of whatever sizes, with batch norm again.

    pictures f32 [B,3,S,S] in 0..1: the batch norms take their statistics, and get the scale and shift that undo these,
    so that the network answers as the file does, also while it trains."""
    weights = weights_of(path)
    net, hooks = Detector(**sizes_of(weights)).eval(), []

    def calibrate(name, norm):
        def follow(convolution, _, output):
            variance, mean = torch.var_mean(output, (0, 2, 3), unbiased=False)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.copy_(weights[f"{name}.0.bias"] + mean)
        return follow

    blocks = {name: module for name, module in net.named_modules() if isinstance(module, Block)}
    for name, block in blocks.items():
        block[0].weight.copy_(weights[f"{name}.0.weight"])
        hooks.append(block[0].register_forward_hook(calibrate(name, block[1])))
    net.stem[0].weight.mul_(255)
    for name, parameter in net.named_parameters():
        if name.startswith(("classes.", "boxes.")):
            parameter.copy_(weights[name])
    net(pictures)       # block after block, each on what the calibrated ones before it answer
    for hook in hooks:
        hook.remove()
    return net
