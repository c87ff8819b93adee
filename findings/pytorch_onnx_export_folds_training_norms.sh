#!/usr/bin/env bash
# PyTorch 2.11.0 (CPU), onnxscript 0.7.0: `torch.onnx.export` of a model that is in training mode, by the default exporter.
#
# Expected: a batch norm in the graph, as the model computes with each batch's own statistics and its weights are to be trained on; dropout
#   of the same model stays a node of the graph. The older exporter (`dynamo=False, training=TrainingMode.PRESERVE`) writes one.
# Seen: no BatchNormalization. Running statistics and weights are folded into the convolution before it, as if the model were in evaluation
#   mode; names of the state dict's batch norm are in no file. With `optimize=False` the node and its four tensors are there. So whoever
#   brings a network as ONNX beside its checkpoints finds no place for the checkpoints' batch norms.
# Seen on 2026-11-29, Python 3.11.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check torch==2.11.0 numpy==2.4.6 onnx==1.21.0 onnxscript==0.7.0

cd "$folder"
seen=$("$folder/env/bin/python" - <<'PYTHON' 2>"$folder/errors"
import onnx
import torch
from torch import nn

model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3)).train()
x = (torch.zeros(2, 1, 8, 8),)
ways = {
    "default": {},
    "optimize=False": {"optimize": False},
    "dynamo=False": {"dynamo": False, "training": torch.onnx.TrainingMode.PRESERVE},
}
for way, options in ways.items():
    torch.onnx.export(model, x, "net.onnx", verbose=False, **options)
    graph = onnx.load("net.onnx").graph
    norms = [tensor.name for tensor in graph.initializer if tensor.name.startswith("1.")]
    print(way, *(node.op_type for node in graph.node if node.op_type != "Constant"), len(norms))
PYTHON
) || { cat "$folder/errors" >&2; exit 1; }
seen=$(grep -v '^\[torch.onnx\]' <<<"$seen")
echo "$seen"
expected='default Conv Relu Dropout 0
optimize=False Conv BatchNormalization Relu Dropout 4
dynamo=False Conv BatchNormalization Relu Dropout 4'
if [[ "$seen" != "$expected" ]]; then
    echo "the graphs were those of" >&2
    echo "$expected" >&2
    exit 1
fi
echo "as described"
