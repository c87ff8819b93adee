#!/usr/bin/env python3
"""Trains one of the benchmark networks with PyTorch and prints how many images it got through a second.

    pytorch.py --network revacnn --batch 64 --seconds 3 [--data DIR] [--threads 2]
    pytorch.py --device cuda --tf32 --compile --channels-last ...
    pytorch.py --device cuda --bf16 --graph ...

The images lie on the device as bytes; a step gathers a random batch, normalises it, goes forward and
backward and updates the weights by SGD with momentum. One JSON object is printed, on one line.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn

SIDE, CHANNELS, CLASSES = 32, 3, 10
RECORD = 1 + CHANNELS * SIDE * SIDE


def conv(inputs, filters, size):
    return [nn.Conv2d(inputs, filters, size, padding=size // 2), nn.ReLU()]


NETWORKS = {
    "revacnn": lambda: nn.Sequential(
        *conv(3, 16, 5), nn.MaxPool2d(2),
        *conv(16, 20, 5), nn.MaxPool2d(2),
        *conv(20, 20, 5), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(20 * 4 * 4, CLASSES),
    ),
    "revacnn-keras": lambda: nn.Sequential(
        *conv(3, 32, 3), nn.MaxPool2d(2),
        *conv(32, 64, 3), *conv(64, 64, 3), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 8 * 8, 128), nn.ReLU(), nn.Linear(128, CLASSES),
    ),
}


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=NETWORKS, default="revacnn")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--data", type=Path, help="folder with data_batch_*.bin of CIFAR-10; else random bytes")
    parser.add_argument("--threads", type=int, help="threads on the CPU")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tf32", action="store_true", help="let a GPU round the inputs of products to TF32")
    parser.add_argument("--bf16", action="store_true", help="compute the forward and backward pass in bfloat16 (autocast)")
    parser.add_argument("--graph", action="store_true", help="record a whole step as a CUDA graph, and replay it")
    parser.add_argument("--compile", action="store_true", help="compile the forward and backward pass")
    parser.add_argument("--channels-last", action="store_true", help="keep activations as [n, y, x, c]")
    given = parser.parse_args()
    if given.graph and not given.device.startswith("cuda"):
        sys.exit("error: a CUDA graph needs a CUDA device: --device cuda")
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit(f"error: torch {torch.__version__} finds no CUDA device")
    return given


def records(folder):
    """All records as bytes [count, RECORD]: a label, then the red, the green and the blue plane."""
    if folder is None:
        table = torch.randint(0, 256, (10000, RECORD), dtype=torch.uint8)
        table[:, 0] %= CLASSES
        return table
    files = sorted(folder.glob("data_batch_*.bin"))
    if not files:
        sys.exit(f"error: no data_batch_*.bin in {folder}")
    parts = [torch.frombuffer(bytearray(file.read_bytes()), dtype=torch.uint8) for file in files]
    return torch.cat(parts).view(-1, RECORD)


def recorded(step, optimizer):
    """A step as a CUDA graph: its indices, loss, gradients and update are replayed in one launch."""
    # Before it is recorded all is compiled, and what the optimizer keeps is there.
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    optimizer.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()

    def replay():
        graph.replay()
        return loss.clone()

    return replay


def main():
    given = options()
    if given.threads:
        torch.set_num_threads(given.threads)
    # Off, unless asked for: the default of cuDNN is to use TF32 in convolutions.
    torch.backends.cuda.matmul.allow_tf32 = given.tf32
    torch.backends.cudnn.allow_tf32 = given.tf32
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(1)

    device = torch.device(given.device)
    on_gpu = device.type == "cuda"
    table = records(given.data)
    labels = table[:, 0].long().to(device)
    images = table[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE).to(device)
    layout = torch.channels_last if given.channels_last else torch.contiguous_format
    model = NETWORKS[given.network]().to(device, memory_format=layout)
    parameters = sum(tensor.numel() for tensor in model.parameters())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def loss_of(bytes_, targets):
        batch = (bytes_.float() / 255 - 0.5).contiguous(memory_format=layout)
        # Without its cache of weights, which a graph would not fill again.
        with torch.autocast(device.type, torch.bfloat16, enabled=given.bf16, cache_enabled=False):
            outputs = model(batch)
        return nn.functional.cross_entropy(outputs.float(), targets)

    if given.compile:
        loss_of = torch.compile(loss_of, mode="max-autotune-no-cudagraphs" if on_gpu else None)

    def wait():
        if on_gpu:
            torch.cuda.synchronize()

    def eager_step():
        chosen = torch.randint(0, len(labels), (given.batch,), device=device)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(images[chosen], labels[chosen])
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = recorded(eager_step, optimizer) if given.graph else eager_step

    # A GPU is waited for once in a while, not every step.
    chunk = 20 if on_gpu else 1
    warm, steps = time.perf_counter() + 1.0, 0
    while steps < 3 or time.perf_counter() < warm:
        step()
        wait()
        steps += 1

    steps, losses = 0, []
    wait()
    start = time.perf_counter()
    elapsed = 0.0
    while elapsed < given.seconds:
        losses += [step() for _ in range(chunk)]
        wait()
        steps += chunk
        elapsed = time.perf_counter() - start
    print(json.dumps({
        "peer": "pytorch",
        "version": torch.__version__,
        "device": torch.cuda.get_device_name(device) if on_gpu else f"CPU, {torch.get_num_threads()} threads",
        "tf32": given.tf32, "bf16": given.bf16, "graph": given.graph, "compile": given.compile, "channels_last": given.channels_last,
        "network": given.network, "batch": given.batch, "parameters": parameters,
        "images_per_s": steps * given.batch / elapsed, "images": steps * given.batch, "seconds": elapsed,
        "mean_loss": torch.stack(losses).mean().item(),
    }))


if __name__ == "__main__":
    main()
