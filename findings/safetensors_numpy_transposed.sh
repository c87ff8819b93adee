#!/usr/bin/env bash
# safetensors 0.8.0 (Python, NumPy 2.4.6): `safetensors.numpy.save_file` of a transposed array.
#
# Expected: what is loaded equals what was saved, as with 0.7.0, or an error as `safetensors.torch` gives for such tensors.
# Seen with 0.8.0: no error and no warning; the values are written in the order of the memory, under the shape of the transposed
#   array, so that [[0, 3], [1, 4], [2, 5]] comes back as [[0, 1], [2, 3], [4, 5]]. 0.7.0 gives back what was saved.
#   `numpy.ascontiguousarray` before saving helps. A file does not show it: a reader cannot tell a scrambled array from a right one.
#   It matters to images: `x.transpose(0, 3, 1, 2)`, the usual way from channels last to channels first, is such an array.
# Known there as issue 825 (safetensors/safetensors), open when this was written.
# Seen on 2026-11-28, Python 3.11.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/saved_and_loaded.py" <<'PYTHON'
import sys
import numpy
from safetensors.numpy import load_file, save_file

array = numpy.arange(6, dtype=numpy.float32).reshape(2, 3).T
save_file({"plain": array, "contiguous": numpy.ascontiguousarray(array)}, sys.argv[1])
loaded = load_file(sys.argv[1])
assert (loaded["contiguous"] == array).all()
print(loaded["plain"].astype(int).tolist())
PYTHON

loaded_by() {
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" install --quiet --disable-pip-version-check "safetensors==$1" numpy==2.4.6
    "$folder/$1/bin/python" "$folder/saved_and_loaded.py" "$folder/$1.safetensors"
}

differs=0
check() {
    local seen
    seen=$(loaded_by "$1")
    echo "safetensors $1: $seen"
    if [ "$seen" != "$2" ]; then
        echo "different: $2 was seen before"
        differs=1
    fi
}
check 0.7.0 "[[0, 3], [1, 4], [2, 5]]"
check 0.8.0 "[[0, 1], [2, 3], [4, 5]]"
exit $differs
