#!/usr/bin/env python3
"""Exports runs and compares what onnxruntime, PyTorch, Keras and ConvNetJS make of them with `revacnn predict`, logit by logit.

    pip install -r examples/peers/requirements.txt
    exported.py [--revacnn target/release/revacnn]

Runs of a few steps: presets, and networks with a layer of every kind. Each is exported as ONNX (operators of versions 18 and 20,
checked by onnx, too; with and without its normalization), as source of PyTorch and Keras (with the backend that KERAS_BACKEND names, else
PyTorch) and, where there is node, as JSON of ConvNetJS, as far as these have its layers. It fails where an error is above 1e-4 of the largest
logit.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import onnx
import onnxruntime
import torch

from bench import CACHE, node_modules

LIMIT = 1e-4
IMAGES = 8

EVERY_KIND = """
name = "every-kind"
[[layer]]
kind = "conv2d"
name = "wide"
filters = 12
kernel = 3
padding = 1
[[layer]]
kind = "local_response_norm"
size = 3
[[layer]]
kind = "local_response_norm"
size = 4
[[layer]]
kind = "gelu"
[[layer]]
kind = "conv2d"
name = "dilated"
filters = 8
kernel = 3
padding = 2
dilation = 2
groups = 4
[[layer]]
kind = "batch_norm"
epsilon = 0.001
[[layer]]
kind = "leaky_relu"
slope = 0.2
[[layer]]
kind = "max_pool2d"
name = "pooled"
size = 3
stride = 2
padding = 1
[[layer]]
kind = "avg_pool2d"
name = "mean-with"
size = 3
stride = 1
padding = 1
inputs = ["pooled"]
[[layer]]
kind = "avg_pool2d"
name = "mean-without"
size = 3
stride = 1
padding = 1
count_padding = false
inputs = ["pooled"]
[[layer]]
kind = "add"
name = "sum"
inputs = ["mean-with", "mean-without", "pooled"]
[[layer]]
kind = "concat"
inputs = ["sum", "pooled"]
[[layer]]
kind = "elu"
alpha = 0.7
[[layer]]
kind = "maxout"
group = 4
[[layer]]
kind = "upsample"
factor = 2
[[layer]]
kind = "upsample"
factor = 3
mode = "bilinear"
[[layer]]
kind = "conv2d"
filters = 6
kernel = 4
stride = 3
[[layer]]
kind = "avg_pool2d"
name = "small"
size = 6
[[layer]]
kind = "layer_norm"
[[layer]]
kind = "softmax"
[[layer]]
kind = "scale"
factor = 3.5
offset = -1.25
[[layer]]
kind = "conv_transpose2d"
filters = 7
kernel = 3
stride = 2
padding = 1
output_padding = 1
[[layer]]
kind = "conv_transpose2d"
name = "raised"
filters = 6
kernel = 3
stride = 2
output_padding = -1
[[layer]]
kind = "conv_transpose2d"
name = "apart"
filters = 6
kernel = 2
stride = 3
[[layer]]
kind = "sigmoid"
name = "maps"
[[layer]]
kind = "global_avg_pool2d"
[[layer]]
kind = "conv2d"
filters = 6
kernel = 1
[[layer]]
kind = "hard_sigmoid"
name = "gate"
[[layer]]
kind = "mul"
inputs = ["maps", "gate"]
[[layer]]
kind = "dropout"
rate = 0.25
[[layer]]
kind = "flatten"
name = "class"
[[layer]]
kind = "dense"
name = "hidden"
units = 20
[[layer]]
kind = "batch_norm"
[[layer]]
kind = "layer_norm"
[[layer]]
kind = "softmax"
[[layer]]
kind = "tanh"
[[layer]]
kind = "maxout"
[[layer]]
kind = "upsample"
name = "enlarged"
factor = 2
[[layer]]
kind = "global_avg_pool2d"
[[layer]]
kind = "relu"
[[layer]]
kind = "dense"
name = "last"
"""


# All of it that Keras has.
KERAS_KINDS = "[[layer]]".join(
    block for block in EVERY_KIND.split("[[layer]]") if "local_response_norm" not in block
).replace("every-kind", "keras-kinds").replace("count_padding = false\n", "")

# A chain of all kinds of layers that ConvNetJS has.
CHAIN = """
name = "chain"
layer = [
    { kind = "conv2d", filters = 12, kernel = 3, padding = 1, stride = 2 },
    { kind = "local_response_norm", size = 3, alpha = 0.5 },
    { kind = "maxout", group = 2 },
    { kind = "max_pool2d", size = [2, 3], stride = 2, padding = 1 },
    { kind = "dropout", rate = 0.25 },
    { kind = "relu" },
    { kind = "conv2d", filters = 8, kernel = 3 },
    { kind = "sigmoid" },
    { kind = "flatten" },
    { kind = "dropout", rate = 0.3 },
    { kind = "dense", units = 20 },
    { kind = "tanh" },
    { kind = "dense" },
]
"""

# Reads the JSON of a network and rows of images [y, x, c] on standard input, and prints what its last layer but the loss makes of each.
CONVNETJS = """
const convnetjs = require("convnetjs");
const {network, images} = JSON.parse(require("fs").readFileSync(0));
const net = new convnetjs.Net();
net.fromJSON(network);
const input = net.layers[0];
for (const image of images) {
  const volume = new convnetjs.Vol(input.out_sx, input.out_sy, input.out_depth, 0);
  image.forEach((value, at) => (volume.w[at] = value));
  net.forward(volume, false);
  console.log(JSON.stringify(Array.from(net.layers[net.layers.length - 2].out_act.w)));
}
"""


def largest_error(found, wanted):
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def of_onnx(path, images):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images})[0]


def of_pytorch(path, images):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with torch.no_grad():
        return module.load()(torch.from_numpy(images)).numpy()


def of_keras(path, images):
    spec = importlib.util.spec_from_file_location(f"{path.stem}_keras", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.load().predict(images.transpose(0, 2, 3, 1), verbose=0)
    return np.asarray(made)


def of_convnetjs(path, images, modules):
    rows = images.transpose(0, 2, 3, 1).reshape(len(images), -1).tolist()
    text = json.dumps({"network": json.loads(path.read_text()), "images": rows})
    environment = os.environ | {"NODE_PATH": modules}
    done = subprocess.run(["node", "-e", CONVNETJS], env=environment, input=text, capture_output=True, text=True, check=True)
    return np.array([json.loads(line) for line in done.stdout.splitlines()], np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--revacnn", type=Path, default=Path("target/release/revacnn"))
    program = parser.parse_args().revacnn.resolve()
    here = Path(__file__).resolve().parent
    modules = node_modules(CACHE / "node", here / "package.json", "convnetjs", "ConvNetJS")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def revacnn(*arguments, refusals=()):
            done = subprocess.run([program, *map(str, arguments)], cwd=folder, capture_output=True, text=True)
            if done.returncode and not any(words in done.stderr for words in refusals):
                sys.exit(done.stderr)
            return done.stdout

        for name, text in [("every-kind", EVERY_KIND), ("keras-kinds", KERAS_KINDS), ("chain", CHAIN)]:
            (folder / f"{name}.toml").write_text(text)
        networks = ["revacnn", "revacnn-keras", "lenet", "resnet-8", "every-kind.toml", "keras-kinds.toml", "chain.toml"]
        for network in networks:
            run = Path(network).stem
            revacnn("train", "--dataset", "shapes", "--network", network, "--steps", 12, "--batch", 16, "--out", run)
            revacnn("export", run, "-o", f"{run}.18.onnx")
            revacnn("export", run, "-o", f"{run}.20.onnx", "--opset", 20)
            revacnn("export", run, "-o", f"{run}.pixels.onnx", "--pixels")
            source = folder / (run.replace("-", "_") + ".py")
            revacnn("export", run, "-o", source)
            facts = {fact.key: json.loads(fact.value) for fact in onnx.load(folder / f"{run}.18.onnx").metadata_props}
            mean, std = (np.float32(facts[key]).reshape(1, -1, 1, 1) for key in ["mean", "std"])
            shape = onnx.load(folder / f"{run}.18.onnx").graph.input[0].type.tensor_type.shape.dim
            pixels = np.random.default_rng(1).random((IMAGES, *(d.dim_value for d in shape[1:])), np.float32)
            images = (pixels - mean) / std
            np.savez(folder / "x.npz", x=images)
            lines = revacnn("predict", run, "x.npz", "--json").splitlines()[1:]
            wanted = np.array([json.loads(line)["logits"] for line in lines], np.float32)
            errors = {
                "onnx 18": largest_error(of_onnx(folder / f"{run}.18.onnx", images), wanted),
                "onnx 20": largest_error(of_onnx(folder / f"{run}.20.onnx", images), wanted),
                "onnx, pixels": largest_error(of_onnx(folder / f"{run}.pixels.onnx", pixels), wanted),
                "pytorch": largest_error(of_pytorch(source, images), wanted),
            }
            keras = folder / "keras" / source.name
            keras.parent.mkdir(exist_ok=True)
            revacnn("export", run, "-o", keras, "--framework", "keras", refusals=["Keras"])
            if keras.exists():
                errors["keras"] = largest_error(of_keras(keras, images), wanted)
            if modules:
                network = folder / f"{run}.json"
                revacnn("export", run, "-o", network, refusals=["ConvNetJS"])
                if network.exists():
                    errors["convnetjs"] = largest_error(of_convnetjs(network, images, modules), wanted)
            print(run, *(f"{name} {error:.1e}" for name, error in errors.items()), sep="   ", flush=True)
            failed |= not max(errors.values()) < LIMIT
    sys.exit(failed)


if __name__ == "__main__":
    main()
