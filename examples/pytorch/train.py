"""A small CNN of examples/pytorch/small.toml, trained by PyTorch on MNIST (IDX files) or CIFAR-10 (binary batches), to be watched:

    python examples/pytorch/train.py path/to/mnist watched &
    revacnn watch watched
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
import torch
from torch import nn

from revacnn_callback import Watch


def read(folder, name):
    """Bytes of a file, unpacked where it is."""
    path = folder / name
    return path.read_bytes() if path.exists() else gzip.decompress((folder / (name + ".gz")).read_bytes())


def training_images(folder):
    """Pixels from 0 to 255, `[n, c, y, x]`, and classes."""
    if (folder / "data_batch_1.bin").exists():
        batches = [np.frombuffer(read(folder, f"data_batch_{i}.bin"), np.uint8).reshape(-1, 3073) for i in range(1, 6)]
        rows = np.concatenate(batches)
        images, labels = rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0]
    else:
        images = np.frombuffer(read(folder, "train-images-idx3-ubyte"), np.uint8, offset=16).reshape(-1, 1, 28, 28)
        labels = np.frombuffer(read(folder, "train-labels-idx1-ubyte"), np.uint8, offset=8)
    return images, torch.tensor(labels.astype(np.int64))


def mean_and_deviation(images):
    """Of each channel of pixels from 0 to 1, exactly: by how many pixels have each value."""
    counts = np.stack([np.bincount(images[:, c].ravel(), minlength=256) for c in range(images.shape[1])])
    shares, values = counts / counts.sum(1, keepdims=True), np.arange(256) / 255
    mean = shares @ values
    return mean, np.sqrt(shares @ values**2 - mean**2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("watched", type=Path)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=20, help="steps between two checkpoints")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    images, labels = training_images(options.data)
    mean, std = mean_and_deviation(images)
    channels, side = images.shape[1], images.shape[2] // 4
    layers = [nn.Conv2d(channels, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * side * side, 10))
    momentum = {"momentum": 0.9} if options.optimizer == "sgd" else {}
    kind = torch.optim.SGD if options.optimizer == "sgd" else torch.optim.Adam
    optimizer = kind(model.parameters(), lr=options.lr, weight_decay=1e-4, **momentum)
    network = Path(__file__).parent / "small.toml"
    about = {"dataset": str(options.data.resolve()), "mean": mean.tolist(), "std": std.tolist(), "batch": options.batch}
    watch = Watch(options.watched, model, optimizer, network, options.every, **about)
    for step in range(options.steps):
        chosen = torch.randint(len(images), (options.batch,))
        pixels = images[chosen.numpy()] / 255
        x = torch.tensor((pixels - mean[:, None, None]) / std[:, None, None], dtype=torch.float32)
        y = labels[chosen]
        optimizer.zero_grad()
        outputs = model(x)
        loss = nn.functional.cross_entropy(outputs, y)
        loss.backward()
        optimizer.step()
        accuracy = (outputs.argmax(1) == y).float().mean()
        watch(loss.detach(), accuracy, (step + 1) * options.batch / len(images))


if __name__ == "__main__":
    main()
