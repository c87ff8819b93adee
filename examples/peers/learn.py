#!/usr/bin/env python3
"""Trains a network with PyTorch as `revacnn train` does, and prints test losses and accuracies as its `--json` does.

    learn.py --dataset DIR --network examples/networks/lenet.toml --epochs 2 --batch 64 --lr 0.02 ... --seed 1

The same split into training and validation images, the same normalization, initialization scheme, loss, optimizer and
average of the last weights; only the random numbers are PyTorch's own. The dataset is a folder in MNIST's or CIFAR-10's
format. One JSON object is printed, on one line.
"""

import argparse
import gzip
import json
import math
import sys
import tomllib
from pathlib import Path

import numpy as np
import torch
from torch import nn

# As in src/data/order.rs and src/nn/average.rs.
VALIDATION_SHARE = 10
SPLIT_KEY = 0x5EED
SPAN = 8


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--network", type=Path, required=True, help="a network's TOML file")
    for name in ["epochs", "batch", "seed"]:
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ["lr", "momentum", "weight-decay", "average"]:
        parser.add_argument(f"--{name}", type=float, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="threads on the CPU")
    return parser.parse_args()


def idx(folder, stem):
    """The bytes of a file in MNIST's format, without its head; it may be compressed."""
    for path in sorted(folder.glob(f"{stem}-idx*")):
        data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
        return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]), np.frombuffer(data, ">u4", data[3], 4)
    sys.exit(f"error: no {stem}-idx* in {folder}")


def mnist(folder, part):
    images, shape = idx(folder, f"{part}-images")
    return images.reshape(shape[0], 1, *shape[1:]), idx(folder, f"{part}-labels")[0]


def cifar(files):
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in sorted(files)])
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def load(folder):
    """Images as bytes [n, c, y, x], and labels: for training and validation, and for the test."""
    if batches := list(folder.glob("data_batch_*.bin")):
        return cifar(batches), cifar([folder / "test_batch.bin"])
    return mnist(folder, "train"), mnist(folder, "t10k")


def mix(x):
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def split_order(count):
    """The shuffle of src/data/permutation.rs: its first nine tenths train, the rest validates."""
    half = np.uint32(max(1, math.ceil((count - 1).bit_length() / 2)))
    mask = np.uint32((1 << int(half)) - 1)
    found = np.arange(count, dtype=np.uint32)
    outside = np.ones(count, bool)
    while outside.any():
        left, right = found[outside] >> half, found[outside] & mask
        for turn in range(4):
            turned = np.uint32(turn * 0x9E3779B9 & 0xFFFFFFFF)
            left, right = right, left ^ (mix(right ^ np.uint32(SPLIT_KEY) ^ turned) & mask)
        found[outside] = (left << half) | right
        outside = found >= count
    return found.astype(np.int64)


def network(file, shape, classes):
    """The layers of a TOML file: those of the networks that are compared."""
    layers = []
    for layer in tomllib.loads(file.read_text())["layer"]:
        match layer:
            case {"kind": "conv2d", "filters": filters, "kernel": kernel}:
                layers.append(nn.LazyConv2d(filters, kernel, padding=layer.get("padding", 0)))
            case {"kind": "relu"}:
                layers.append(nn.ReLU())
            case {"kind": "max_pool2d", "size": size}:
                layers.append(nn.MaxPool2d(size))
            case {"kind": "dense"}:
                layers += [nn.Flatten(), nn.LazyLinear(layer.get("units", classes))]
            case _:
                sys.exit(f"error: {file}: this script does not know the layer {layer}")
    model = nn.Sequential(*layers)
    model(torch.zeros(1, *shape))
    for parameter in model.parameters():
        # He et al. 2015, eq. 10; biases begin at 0.
        if parameter.dim() > 1:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu")
        else:
            nn.init.zeros_(parameter)
    return model


def positions(count):
    """Endlessly the positions 0..count, each time in a new order."""
    while True:
        yield from torch.randperm(count).tolist()


def train(model, images, labels, given):
    """Trains the model; returns its average of the last weights."""
    biases = [parameter for parameter in model.parameters() if parameter.dim() == 1]
    weights = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    groups = [{"params": weights, "weight_decay": given.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=given.lr, momentum=given.momentum)
    averages = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    count, order = len(labels), positions(len(labels))
    least = given.batch / (count * given.average) if given.average > 0 else 1.0
    for step in range(1, math.ceil(given.epochs * count / given.batch) + 1):
        chosen = torch.tensor([next(order) for _ in range(given.batch)], device=labels.device)
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(images[chosen]), labels[chosen]).backward()
        optimizer.step()
        with torch.no_grad():
            share = min(1.0, max(least, SPAN / (step + SPAN)))
            for name, tensor in model.named_parameters():
                averages[name].lerp_(tensor, share)
    return averages


def judged(model, images, labels):
    """Mean loss, and share of the images that are classified correctly."""
    with torch.no_grad():
        outputs = torch.cat([model(part) for part in images.split(1000)])
    loss = nn.functional.cross_entropy(outputs, labels).item()
    return loss, (outputs.argmax(1) == labels).float().mean().item()


def main():
    given = options()
    if given.threads:
        torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    (images, labels), (test_images, test_labels) = load(given.dataset)
    axes = (0, 2, 3)
    mean, deviation = (images / 255).mean(axes, keepdims=True), (images / 255).std(axes, keepdims=True)

    def tensors(images, labels):
        normal = ((images / 255 - mean) / deviation).astype(np.float32)
        return torch.from_numpy(normal).to(given.device), torch.from_numpy(labels.astype(np.int64)).to(given.device)

    order = split_order(len(labels))[: len(labels) - max(1, len(labels) // VALIDATION_SHARE)]
    model = network(given.network, images.shape[1:], int(labels.max()) + 1).to(given.device)
    averages = train(model, *tensors(images[order], labels[order]), given)
    test = tensors(test_images, test_labels)
    loss, accuracy = judged(model, *test)
    model.load_state_dict(averages)
    average_loss, average_accuracy = judged(model, *test)
    print(json.dumps({
        "peer": "pytorch", "version": torch.__version__, "seed": given.seed,
        "parameters": sum(tensor.numel() for tensor in model.parameters()), "train_images": len(order),
        "test_loss": loss, "test_accuracy": accuracy,
        "average_test_loss": average_loss, "average_test_accuracy": average_accuracy,
    }))


if __name__ == "__main__":
    main()
