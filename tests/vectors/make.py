#!/usr/bin/env python3
"""Makes tests/vectors/pytorch.safetensors: what PyTorch computes, in f64, for each layer, loss and optimizer.

    python3 tests/vectors/make.py

Needs PyTorch alone. The file is kept with the sources, so the tests need neither. Maps are [c, y, x, n], as in the
program; the metadata hold the cases as JSON: a layer's settings are those of a network file.
"""

import json
import struct
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)
TENSORS = {}
CASES = []


def put(name, tensor):
    TENSORS[name] = tensor.detach().to(torch.float64).contiguous().clone()


def ours(maps):
    """[n, c, y, x] or [n, c] as [c, y, x, n]."""
    maps = maps.reshape(*maps.shape, *[1] * (4 - maps.dim()))
    return maps.permute(1, 2, 3, 0)


def layer(kind, settings, function, shapes, parameters=(), images=3, statistics=None):
    """One case: `function(inputs, parameters)` in training; gradients of a weighted sum of its output."""
    name = f"layer{len(CASES)}"
    inputs = [torch.randn(images, *shape).requires_grad_() for shape in shapes]
    parameters = [torch.randn(*shape).requires_grad_() for shape in parameters]
    output = function(inputs, parameters)
    gradient = torch.randn_like(output)
    output.backward(gradient)
    for i, tensor in enumerate(inputs):
        put(f"{name}.input{i}", ours(tensor))
        put(f"{name}.input_gradient{i}", ours(tensor.grad))
    for i, tensor in enumerate(parameters):
        put(f"{name}.parameter{i}", tensor)
        put(f"{name}.parameter_gradient{i}", tensor.grad)
    put(f"{name}.output", ours(output))
    put(f"{name}.output_gradient", ours(gradient))
    if statistics:
        for i, tensor in enumerate(statistics):
            put(f"{name}.statistic{i}", tensor)
    CASES.append({"case": "layer", "name": name, "kind": kind, "settings": settings, "shapes": shapes,
                  "images": images, "parameters": len(parameters), "statistics": bool(statistics)})


def layers():
    convolutions = [
        ({}, [3, 7, 6], [4, 3, 3, 3]),
        ({"stride": 2, "padding": 1}, [2, 8, 7], [3, 2, 4, 4]),
        ({"dilation": 2, "padding": 2}, [2, 9, 7], [3, 2, 3, 3]),
        ({"groups": 2, "padding": 1}, [4, 5, 6], [6, 2, 3, 3]),
        ({"groups": 3, "stride": 2}, [3, 7, 5], [3, 1, 2, 2]),
    ]
    for extra, shape, weight in convolutions:
        settings = {"filters": weight[0], "kernel": weight[2], **extra}
        layer("conv2d", settings, lambda x, p, e=extra: F.conv2d(x[0], p[0], p[1], **e), [shape], [weight, [weight[0]]])
    layer("dense", {"units": 5}, lambda x, p: F.linear(x[0].flatten(1), p[0].flatten(1), p[1]), [[3, 4, 2]],
          [[5, 3, 4, 2], [5]])
    for size, stride, padding in [(2, 2, 0), (3, 2, 1), (3, 1, 0)]:
        settings = {"size": size, "stride": stride, "padding": padding}
        layer("max_pool2d", settings, lambda x, p, a=(size, stride, padding): F.max_pool2d(x[0], *a), [[3, 7, 6]])
        for count in [True, False]:
            layer("avg_pool2d", {**settings, "count_padding": count},
                  lambda x, p, a=(size, stride, padding), c=count: F.avg_pool2d(x[0], *a, count_include_pad=c), [[2, 7, 6]])
    layer("global_avg_pool2d", {}, lambda x, p: F.adaptive_avg_pool2d(x[0], 1), [[5, 4, 3]])
    layer("upsample", {"factor": 2}, lambda x, p: F.interpolate(x[0], scale_factor=2, mode="nearest"), [[2, 3, 4]])
    for factor in [2, 3]:
        layer("upsample", {"factor": factor, "mode": "bilinear"},
              lambda x, p, f=factor: F.interpolate(x[0], scale_factor=f, mode="bilinear", align_corners=False), [[2, 3, 4]])
    layer("flatten", {}, lambda x, p: x[0].flatten(1), [[2, 3, 4]])
    layer("add", {}, lambda x, p: x[0] + x[1] + x[2], [[2, 3, 4]] * 3)
    layer("concat", {}, lambda x, p: torch.cat(x, 1), [[2, 3, 4], [1, 3, 4], [3, 3, 4]])
    layer("maxout", {"group": 3}, lambda x, p: x[0].unflatten(1, (-1, 3)).amax(2), [[6, 3, 2]])
    layer("relu", {}, lambda x, p: F.relu(x[0]), [[4, 3, 5]])
    layer("leaky_relu", {"slope": 0.125}, lambda x, p: F.leaky_relu(x[0], 0.125), [[4, 3, 5]])
    layer("elu", {"alpha": 0.75}, lambda x, p: F.elu(x[0], 0.75), [[4, 3, 5]])
    layer("gelu", {}, lambda x, p: F.gelu(x[0]), [[4, 3, 5]])
    layer("sigmoid", {}, lambda x, p: torch.sigmoid(x[0]), [[4, 3, 5]])
    layer("tanh", {}, lambda x, p: torch.tanh(x[0]), [[4, 3, 5]])
    # Settings are f32 in the program: values that f32 holds exactly.
    layer("local_response_norm", {"size": 5, "alpha": 0.5, "beta": 0.75, "k": 1.25},
          lambda x, p: F.local_response_norm(x[0], 5, 0.5, 0.75, 1.25), [[7, 3, 2]])
    layer("local_response_norm", {"size": 4, "alpha": 0.5, "beta": 0.5, "k": 2.0},
          lambda x, p: F.local_response_norm(x[0], 4, 0.5, 0.5, 2.0), [[5, 2, 3]])
    norm = nn.BatchNorm2d(4, eps=2.0 ** -10, momentum=0.125)
    norm.running_mean.copy_(torch.randn(4))
    norm.running_var.copy_(torch.rand(4) + 0.5)
    before = [norm.running_mean.clone(), norm.running_var.clone()]
    after = [norm.running_mean, norm.running_var]
    layer("batch_norm", {"epsilon": 2.0 ** -10, "momentum": 0.125},
          lambda x, p: F.batch_norm(x[0], *after, p[0], p[1], True, 0.125, 2.0 ** -10), [[4, 3, 5]], [[4], [4]],
          statistics=[*before, *after])


def losses():
    outputs, labels = torch.randn(5, 7), torch.tensor([3, 0, 6, 2, 2])
    image = torch.randn(5, 7)
    one_hot = F.one_hot(labels, 7).to(outputs)
    functions = {
        "softmax_cross_entropy": ({}, lambda z: F.cross_entropy(z, labels, reduction="none")),
        "label smoothing": ({"kind": "softmax_cross_entropy", "label_smoothing": 0.125},
                            lambda z: F.cross_entropy(z, labels, reduction="none", label_smoothing=0.125)),
        # PyTorch divides by the number of classes.
        "svm_hinge": ({"margin": 0.75}, lambda z: 7 * F.multi_margin_loss(z, labels, margin=0.75, reduction="none")),
        "l2_regression": ({}, lambda z: F.mse_loss(z, one_hot, reduction="none").mean(1)),
        "toward the image": ({"kind": "l2_regression", "target": "image"},
                             lambda z: F.mse_loss(z, image, reduction="none").mean(1)),
    }
    for kind, (settings, function) in functions.items():
        name = f"loss{len(CASES)}"
        z = outputs.clone().requires_grad_()
        loss = function(z)
        (loss.sum() / 4).backward()
        for what, tensor in {"outputs": z, "image": image, "loss": loss, "gradient": z.grad}.items():
            put(f"{name}.{what}", tensor)
        CASES.append({"case": "loss", "name": name, "settings": {"kind": kind, **settings}, "labels": labels.tolist(),
                      "scale": 0.25})


def optimizers():
    decay = 0.0625
    cases = [
        ("sgd", {"momentum": 0.75}, lambda p: torch.optim.SGD(p, 0.125, 0.75, weight_decay=decay)),
        ("sgd", {"momentum": 0.75, "nesterov": True},
         lambda p: torch.optim.SGD(p, 0.125, 0.75, weight_decay=decay, nesterov=True)),
        ("adagrad", {"epsilon": 2.0 ** -20}, lambda p: torch.optim.Adagrad(p, 0.125, weight_decay=decay, eps=2.0 ** -20)),
        ("adadelta", {"beta2": 0.75, "epsilon": 2.0 ** -10},
         lambda p: torch.optim.Adadelta(p, 0.125, rho=0.75, eps=2.0 ** -10, weight_decay=decay)),
        ("rmsprop", {"beta2": 0.75, "epsilon": 2.0 ** -20, "momentum": 0.5},
         lambda p: torch.optim.RMSprop(p, 0.125, 0.75, 2.0 ** -20, decay, 0.5)),
        ("adam", {"momentum": 0.75, "beta2": 0.875, "epsilon": 2.0 ** -20},
         lambda p: torch.optim.Adam(p, 0.125, (0.75, 0.875), 2.0 ** -20, decay)),
        ("adamw", {"momentum": 0.75, "beta2": 0.875, "epsilon": 2.0 ** -20},
         lambda p: torch.optim.AdamW(p, 0.125, (0.75, 0.875), 2.0 ** -20, decay)),
        ("sgd", {"momentum": 0.0, "clip_norm": 0.5}, lambda p: torch.optim.SGD(p, 0.125, weight_decay=decay)),
    ]
    for kind, settings, make in cases:
        name = f"optimizer{len(CASES)}"
        values = torch.randn(11).requires_grad_()
        put(f"{name}.start", values)
        optimizer = make([values])
        for step in range(3):
            values.grad = torch.randn(11)
            put(f"{name}.gradient{step}", values.grad)
            if "clip_norm" in settings:
                nn.utils.clip_grad_norm_([values], settings["clip_norm"])
            optimizer.step()
            put(f"{name}.values{step}", values.clone())
        CASES.append({"case": "optimizer", "name": name, "optimizer": kind, "steps": 3,
                      "hyper": {"learning_rate": 0.125, "weight_decay": decay, **settings}})


def write(path):
    header, data = {"__metadata__": {"cases": json.dumps(CASES), "torch": torch.__version__}}, b""
    for name, tensor in sorted(TENSORS.items()):
        raw = struct.pack(f"<{tensor.numel()}d", *tensor.flatten().tolist())
        header[name] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    print(f"{len(CASES)} cases, {len(data)} bytes, PyTorch {torch.__version__}")


def later_layers():
    """Cases after all others, so that those keep their random numbers."""
    layer("silu", {}, lambda x, p: F.silu(x[0]), [[4, 3, 5]])
    layer("hard_swish", {}, lambda x, p: F.hardswish(x[0]), [[6, 5, 5]])
    layer("hardtanh", {"min": -0.75, "max": 1.25}, lambda x, p: F.hardtanh(x[0], -0.75, 1.25), [[4, 3, 5]])
    layer("hardtanh", {"min": 0.0, "max": 6.0}, lambda x, p: F.relu6(x[0]), [[4, 3, 5]])
    layer("prelu", {}, lambda x, p: F.prelu(x[0], p[0]), [[4, 3, 5]], [[4]])
    for groups, epsilon, shape in [(1, 2.0 ** -10, [3, 4, 5]), (2, 2.0 ** -16, [6, 3, 2]), (3, 2.0 ** -10, [12, 1, 1])]:
        layer("group_norm", {"groups": groups, "epsilon": epsilon},
              lambda x, p, g=groups, e=epsilon: F.group_norm(x[0], g, p[0], p[1], e), [shape], [shape[:1]] * 2)
    layer("group_norm", {"epsilon": 2.0 ** -10},
          lambda x, p: F.layer_norm(x[0], [3, 4, 5], p[0][:, None, None].expand(3, 4, 5), p[1][:, None, None].expand(3, 4, 5), 2.0 ** -10),
          [[3, 4, 5]], [[3], [3]])
    for kind, pool in [("max_pool2d", F.max_pool2d), ("avg_pool2d", F.avg_pool2d)]:
        for size, stride, padding, ceil in [([3, 2], [1, 3], [1, 0], True), ([2, 3], [3, 2], [1, 1], True), ([2, 3], [1, 2], [0, 1], False)]:
            settings = {"size": size, "stride": stride, "padding": padding, "ceil": ceil}
            layer(kind, settings, lambda x, p, a=(size, stride, padding), c=ceil, f=pool: f(x[0], *a, ceil_mode=c), [[2, 6, 7]])
    layer("avg_pool2d", {"size": 3, "stride": 2, "padding": 1, "ceil": True, "count_padding": False},
          lambda x, p: F.avg_pool2d(x[0], 3, 2, 1, True, False), [[2, 4, 6]])
    layer("pad", {"top": 1, "bottom": 2, "left": 3}, lambda x, p: F.pad(x[0], (3, 0, 1, 2)), [[2, 3, 4]])
    layer("pad", {"top": 2, "bottom": 1, "left": 3, "right": 2, "mode": "reflect"},
          lambda x, p: F.pad(x[0], (3, 2, 2, 1), mode="reflect"), [[2, 3, 4]])
    layer("instance_norm", {"epsilon": 2.0 ** -10},
          lambda x, p: F.instance_norm(x[0], weight=p[0], bias=p[1], eps=2.0 ** -10), [[4, 3, 5]], [[4], [4]])
    # The gradient of F.hardsigmoid has a sixth of 32 bits whatever the type.
    layer("hard_sigmoid", {}, lambda x, p: F.relu6(x[0] + 3) / 6, [[6, 5, 5]])
    for factor in [[4, 3, 5], [4, 1, 1]]:
        layer("mul", {}, lambda x, p: x[0] * x[1], [[4, 3, 5], factor])
    # Weights are [out, in of a group, k, k] in the program, [in, out of a group, k, k] in PyTorch.
    transposed = [
        ({}, [3, 4, 5], [4, 3, 3, 3]),
        ({"stride": 2, "padding": 1, "output_padding": 1}, [2, 4, 3], [3, 2, 3, 3]),
        ({"stride": 3, "output_padding": 2}, [2, 3, 4], [3, 2, 2, 2]),
        ({"stride": 2, "padding": 2, "dilation": 2, "groups": 2}, [4, 4, 3], [6, 2, 3, 3]),
        ({"stride": 2, "groups": 3}, [3, 3, 2], [3, 1, 4, 4]),
    ]
    for extra, shape, weight in transposed:
        def turned(w, g=extra.get("groups", 1)):
            return w.unflatten(0, (g, -1)).transpose(1, 2).flatten(0, 1)

        layer("conv_transpose2d", {"filters": weight[0], "kernel": weight[2], **extra},
              lambda x, p, e=extra, t=turned: F.conv_transpose2d(x[0], t(p[0]), p[1], **e), [shape], [weight, [weight[0]]])
    # Keras's padding="same" cuts off the last row and column alone.
    layer("conv_transpose2d", {"filters": 3, "kernel": 3, "stride": 2, "output_padding": -1},
          lambda x, p: F.conv_transpose2d(x[0], p[0].transpose(0, 1), p[1], stride=2)[:, :, :-1, :-1], [[2, 3, 4]], [[3, 2, 3, 3], [3]])
    for epsilon, shape in [(2.0 ** -10, [5, 3, 4]), (2.0 ** -16, [7, 1, 1])]:
        layer("layer_norm", {"epsilon": epsilon},
              lambda x, p, e=epsilon: F.layer_norm(x[0].movedim(1, -1), p[0].shape, p[0], p[1], e).movedim(-1, 1), [shape], [shape[:1]] * 2)
    for shape in [[5, 3, 4], [7, 1, 1]]:
        layer("softmax", {}, lambda x, p: torch.softmax(x[0], 1), [shape])
    layer("scale", {"factor": -1.5, "offset": 0.75}, lambda x, p: x[0] * -1.5 + 0.75, [[4, 3, 5]])


layers()
losses()
optimizers()
later_layers()
write(Path(__file__).with_name("pytorch.safetensors"))
