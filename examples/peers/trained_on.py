#!/usr/bin/env python3
"""Trains imported models on beside PyTorch, from the same weights, on the same batches, by plain SGD, and compares the losses step by step.

    pip install torch numpy onnx onnxscript
    trained_on.py [--revacnn target/release/revacnn] [--steps 100]

A batch is the whole data set, so that both programs see the same images at each step, in whatever order. It prints the largest
difference of a step's losses, by the first loss, and fails where it is above 1e-3.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

LIMIT = 1e-3
IMAGES, CLASSES, SIDE = 48, 5, 12
# Small enough that PyTorch's own losses are those of 64-bit floats: a larger one magnifies rounding without end.
RATE = 0.05
MEAN, DEVIATION = 0.4, 0.3


def models():
    yield "convolutions and pools", nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, 3), nn.SiLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(48, CLASSES))
    # A batch norm after an activation is not folded into the weights before it.
    yield "normalizations", nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, 2), nn.PReLU(8), nn.GroupNorm(2, 8),
        nn.Flatten(), nn.Linear(200, CLASSES))


def losses_of_pytorch(model, images, labels, steps):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), RATE)
    inputs = torch.from_numpy((images.astype(np.float32) / 255 - MEAN) / DEVIATION).float()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), torch.from_numpy(labels).long())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def losses_of_revacnn(program, folder, model, images, labels, steps):
    run, file, data = folder / "run", folder / "model.onnx", folder / "set.npz"
    torch.onnx.export(model.eval(), (torch.zeros(1, 3, SIDE, SIDE),), file, dynamo=False, verbose=False)
    # With images to validate and to test of its own, so that none of these is taken for it.
    few = {f"{split}_{of}": values[:8] for split in ["val", "test"] for of, values in [("images", images), ("labels", labels)]}
    np.savez(data, train_images=images, train_labels=labels, **few)
    settings = ["--batch", IMAGES, "--lr", RATE, "--momentum", 0, "--weight-decay", 0]
    normalized = ["--mean", MEAN, "--std", DEVIATION]

    def revacnn(*arguments):
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return done.stdout

    revacnn("import", file, "-o", run, "--dataset", data, *settings, *normalized)
    lines = revacnn("train", "--resume", run, "--steps", steps, "--json", "--log-every", 1).splitlines()
    steps_alone = [line for line in map(json.loads, lines) if line.get("event") == "step"]
    return np.array([line["loss"] for line in steps_alone])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--revacnn", type=Path, default=Path("target/release/revacnn"))
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.manual_seed(5)
    generator = np.random.default_rng(5)
    images = generator.integers(0, 156, (IMAGES, 3, SIDE, SIDE)).astype(np.uint8)
    labels = np.arange(IMAGES, dtype=np.uint8) % CLASSES
    # A bright bar of two rows tells the class.
    for image, label in zip(images, labels):
        image[:, 2 * label:2 * label + 2] += 100
    failed = False
    for name, model in models():
        with tempfile.TemporaryDirectory() as folder:
            ours = losses_of_revacnn(options.revacnn.resolve(), Path(folder), model, images, labels, options.steps)
        theirs = losses_of_pytorch(model, images, labels, options.steps)
        if ours.shape != theirs.shape:
            sys.exit(f"{name}: {len(ours)} losses, {len(theirs)} of PyTorch")
        error = float(np.abs(ours - theirs).max() / theirs[0])
        print(f"{name}: loss {theirs[0]:.4f} to {theirs[-1]:.4f} in {options.steps} steps; largest difference {error:.1e}", flush=True)
        failed |= not error < LIMIT
    sys.exit(failed)


if __name__ == "__main__":
    main()
