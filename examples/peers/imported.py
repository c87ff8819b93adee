#!/usr/bin/env python3
"""Imports models of other tools and compares `revacnn predict` with what their own framework makes of the same images, logit by logit.

    pip install -r examples/peers/requirements.txt torchvision timm onnxscript      # or, in another environment:
    pip install tensorflow-cpu keras [tf2onnx]                                      # Keras 3
    imported.py [--revacnn target/release/revacnn] [--only NAME]

Models of torchvision, timm, Keras and ConvNetJS with random weights, biases, factors of channels and statistics of batch norms, and images
of 32×32, written by both of PyTorch's exporters, by Keras itself and tf2onnx, and as ConvNetJS's JSON; those of frameworks that are not
there are passed over. It prints the largest error by the largest logit, or why a model is refused, and fails where an error is above 1e-4
or a model is refused.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

from bench import CACHE, node_modules

LIMIT = 1e-4
IMAGES = 6
CLASSES = 10
SIDE = 32


def torch_models():
    import torch
    from torch import nn

    class Parts(nn.Module):
        """Layers that models of torchvision lack."""

        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"), nn.GroupNorm(4, 8), nn.PReLU(8),
                nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.InstanceNorm2d(8, affine=True), nn.SiLU(),
                nn.MaxPool2d((3, 2), (2, 3), (1, 0), ceil_mode=True), nn.Conv2d(8, 12, 1), nn.GroupNorm(1, 12), nn.Hardswish(),
                nn.ReflectionPad2d((1, 2, 0, 1)), nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.Conv2d(12, 6, 4, padding="same"),
                nn.Hardtanh(-0.5, 2.0), nn.ZeroPad2d(1), nn.Conv2d(6, 5, 3), nn.LeakyReLU(0.1), nn.PReLU(),
                nn.Flatten(), nn.LazyLinear(20), nn.LayerNorm(20), nn.GELU(), nn.Linear(20, CLASSES),
            )

        def forward(self, x):
            return self.body(x)

    class Transposed(nn.Sequential):
        """Images made smaller and larger again."""

        def __init__(self):
            super().__init__(
                nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1), nn.BatchNorm2d(6),
                nn.ReLU(), nn.ConvTranspose2d(6, 4, 2, stride=2, groups=2), nn.ConvTranspose2d(4, 4, 3, padding=2, dilation=2, bias=False),
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES),
            )

        def forward(self, x):
            return super().forward(2 * x - 0.5)

    class Turned(nn.Module):
        """A block as that of ConvNeXt: its channels are last on the way."""

        def __init__(self):
            super().__init__()
            self.spread = nn.Conv2d(3, 6, 3, padding=1, groups=3)
            self.norm, self.wide, self.narrow, self.head = nn.LayerNorm(6), nn.Linear(6, 24), nn.Linear(24, 6), nn.Linear(6, CLASSES)
            self.scale = nn.Parameter(torch.linspace(-1, 1, 6)[:, None, None])

        def forward(self, x):
            x = self.spread(x)
            inner = self.narrow(nn.functional.gelu(self.wide(self.norm(x.permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)
            return self.head((x.softmax(1) + self.scale * inner).mean((2, 3)))

    yield "parts", Parts()
    yield "turned", Turned()
    yield "transposed", Transposed()
    if importlib.util.find_spec("torchvision"):
        import torchvision

        yield "torchvision resnet18", torchvision.models.resnet18(num_classes=CLASSES)
        yield "torchvision mobilenet_v2", torchvision.models.mobilenet_v2(num_classes=CLASSES)
        # As it is, it enlarges the map of 1×1 that is left of 32×32 to 7×7.
        vgg = torchvision.models.vgg11(num_classes=CLASSES)
        vgg.avgpool, vgg.classifier = nn.Identity(), nn.Sequential(nn.Linear(512, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, CLASSES))
        yield "torchvision vgg11", vgg
        yield "torchvision mobilenet_v3_small", torchvision.models.mobilenet_v3_small(num_classes=CLASSES)
        yield "torchvision convnext_tiny", torchvision.models.convnext_tiny(num_classes=CLASSES)
        yield "torchvision squeezenet1_1", torchvision.models.squeezenet1_1(num_classes=CLASSES)
    if importlib.util.find_spec("timm"):
        import timm

        for name in ["mobilenetv2_035", "test_resnet", "regnetx_002", "mobilenetv3_small_050", "convnext_atto"]:
            yield f"timm {name}", timm.create_model(name, pretrained=False, num_classes=CLASSES)


def of_torch(folder, only):
    """Name, file, images and logits of each model by each exporter."""
    import torch

    torch.manual_seed(3)
    images = torch.randn(IMAGES, 3, SIDE, SIDE)
    for name, model in torch_models():
        if only and only not in name:
            continue
        with torch.no_grad():
            model.eval()(images)
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.running_mean.normal_(0, 0.1)
                    module.running_var.uniform_(0.5, 1.5)
            # Biases of 0 are left out of the file, and a block that ConvNeXt multiplies by 1e-6 would count for nothing.
            for parameter in model.parameters():
                if parameter.numel() == max(parameter.shape, default=1):
                    parameter.add_(torch.randn_like(parameter), alpha=0.1)
            wanted = model.eval()(images).numpy()
        for exporter, dynamo in [("default", True), ("dynamo=False", False)]:
            file = folder / f"{name.replace(' ', '-')}-{int(dynamo)}.onnx"
            torch.onnx.export(model, (images[:1],), file, dynamo=dynamo, verbose=False)
            yield f"{name}, {exporter}", file, images.numpy(), wanted


def keras_models():
    import keras
    from keras import layers as L

    def image(channels=3):
        return L.Input((SIDE, SIDE, channels))

    yield "keras sequential", keras.Sequential([
        image(), L.Conv2D(8, 3, padding="same", strides=2), L.BatchNormalization(), L.ReLU(), L.DepthwiseConv2D(3, padding="same"),
        L.Activation("silu"), L.MaxPooling2D(3, 2, padding="same"), L.Conv2D(6, 3), L.LeakyReLU(), L.AveragePooling2D(2, padding="same"),
        L.Flatten(), L.Dense(16, activation="relu"), L.Dropout(0.3), L.Dense(CLASSES)])
    inputs = image()
    x = L.Conv2D(8, 3, strides=2)(L.ZeroPadding2D(1)(inputs))
    x = L.ReLU(6.0)(x)
    x = L.Add()([x, L.SeparableConv2D(8, 3, padding="same", activation="hard_silu")(x)])
    x = L.Concatenate()([L.ELU()(x), x])
    yield "keras functional", keras.Model(inputs, L.Dense(CLASSES)(L.GlobalAveragePooling2D()(x)))
    yield "keras transposed", keras.Sequential([
        image(), L.Conv2D(8, 3, strides=2), L.Conv2DTranspose(6, 3, strides=2, padding="same"), L.BatchNormalization(), L.ReLU(),
        L.Conv2DTranspose(5, 2, strides=3), L.Conv2DTranspose(4, 4, strides=2, padding="same", activation="tanh"),
        L.LayerNormalization(), L.GlobalAveragePooling2D(), L.Dense(CLASSES)])
    yield "keras MobileNetV2", keras.applications.MobileNetV2(
        (SIDE, SIDE, 3), alpha=0.35, weights=None, classes=CLASSES, classifier_activation=None)
    yield "keras MobileNetV3Small", keras.applications.MobileNetV3Small(
        (SIDE, SIDE, 3), alpha=0.35, weights=None, classes=CLASSES, classifier_activation=None)
    yield "keras DenseNet121", keras.applications.DenseNet121(
        input_shape=(SIDE, SIDE, 3), weights=None, classes=CLASSES, classifier_activation=None)


def of_keras(folder, only):
    import tensorflow as tf
    import keras

    keras.utils.set_random_seed(3)
    images = np.random.default_rng(3).standard_normal((IMAGES, SIDE, SIDE, 3)).astype(np.float32)
    for name, model in keras_models():
        if only and only not in name:
            continue
        for variable in model.weights:
            if any(part in variable.path for part in ["moving_mean", "beta", "bias"]):
                variable.assign(tf.random.normal(variable.shape) * 0.1)
            elif "moving_variance" in variable.path:
                variable.assign(tf.random.uniform(variable.shape) + 0.5)
        wanted = model.predict(images, verbose=0)
        turned = images.transpose(0, 3, 1, 2)
        file = folder / f"{name.replace(' ', '-')}.keras"
        model.save(file)
        yield f"{name}, Keras", file, turned, wanted
        if not importlib.util.find_spec("tf2onnx"):
            continue
        import tf2onnx

        signature = (tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="image"),)
        function = tf.function(lambda image, model=model: model(image, training=False), input_signature=signature)
        file = folder / f"{name.replace(' ', '-')}.onnx"
        tf2onnx.convert.from_function(function, input_signature=signature, opset=18, output_path=str(file))
        yield f"{name}, tf2onnx", file, turned, wanted


def of_convnetjs(folder, only):
    here = Path(__file__).parent
    modules = node_modules(CACHE / "node", here / "package.json", "convnetjs", "ConvNetJS")
    if not modules:
        return
    command = ["node", here / "convnetjs_models.js", *map(str, [SIDE, IMAGES, CLASSES])]
    made = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "NODE_PATH": modules})
    # ConvNetJS says warnings there, too.
    for line in filter(lambda line: line.startswith("{"), made.stdout.splitlines()):
        network = json.loads(line)
        name = f"convnetjs {network['name']}"
        if only and only not in name:
            continue
        file = folder / "convnetjs.json"
        file.write_text(json.dumps(network["net"]))
        yield name, file, np.array(network["images"], np.float32).reshape(IMAGES, 3, SIDE, SIDE), np.array(network["outputs"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--revacnn", type=Path, default=Path("target/release/revacnn"))
    parser.add_argument("--only", help="part of a model's name")
    options = parser.parse_args()
    program = options.revacnn.resolve()
    warnings.filterwarnings("ignore")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def revacnn(*arguments):
            return subprocess.run([program, *map(str, arguments)], cwd=folder, capture_output=True, text=True)

        sources = [make for module, make in [("torch", of_torch), ("tensorflow", of_keras)] if importlib.util.find_spec(module)]
        sources.append(of_convnetjs)
        for name, file, images, wanted in (case for make in sources for case in make(folder, options.only)):
            np.savez(folder / "x.npz", x=np.ascontiguousarray(images))
            done = revacnn("predict", file, "x.npz", "--json")
            if done.returncode:
                why = [line for line in done.stderr.splitlines() if line.startswith("error: ") and "XDG" not in line]
                print(f"{name}: refused: {why[0] if why else done.stderr.strip()}", flush=True)
                failed = True
                continue
            found = np.array([json.loads(line)["logits"] for line in done.stdout.splitlines()[1:]], np.float32)
            error = float(np.abs(found - wanted).max() / np.abs(wanted).max())
            print(f"{name}: {error:.1e}", flush=True)
            failed |= not error < LIMIT
    sys.exit(failed)


if __name__ == "__main__":
    main()
