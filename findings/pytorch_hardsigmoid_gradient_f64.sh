#!/usr/bin/env bash
# PyTorch 2.11.0 (CPU): the gradient of `torch.nn.functional.hardsigmoid` in float64.
#
# Expected: 1/6 = 0.16666666666666666 between -3 and 3, as for `relu6(x + 3) / 6`, which is the same function.
# Seen: 0.1666666716337204, which is 1/6 rounded to float32; the values of the function itself are right to the last bit. So whoever takes
#   PyTorch's float64 for a reference finds gradients of mobile networks off by 3e-8 of their size, as if it had computed in float32.
#   `torch.autograd.gradcheck` accepts it, as its tolerance is 1e-3.
# Seen on 2026-11-28, Python 3.11.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check torch==2.11.0 numpy==2.4.6

seen=$("$folder/env/bin/python" - <<'PYTHON'
import torch
from torch.nn.functional import hardsigmoid, relu6


def value_and_gradient(function):
    x = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64, requires_grad=True)
    y = function(x)
    y.sum().backward()
    return y.detach(), x.grad


y, gradient = value_and_gradient(hardsigmoid)
other, exact = value_and_gradient(lambda x: relu6(x + 3) / 6)
assert torch.equal(y, other), (y, other)
print(gradient.unique().tolist(), exact.unique().tolist())
PYTHON
)
echo "$seen"
expected='[0.1666666716337204] [0.16666666666666666]'
if [[ "$seen" != "$expected" ]]; then
    echo "the gradients were $expected" >&2
    exit 1
fi
echo "as described"
