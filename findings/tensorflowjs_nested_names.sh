#!/usr/bin/env bash
# tensorflowjs 4.22.0 (Python, TensorFlow and tf_keras 2.19.0): `converters.save_keras_model` of layers called `stem` and `stem/norm`.
#
# Expected: model.json lists the weights of both, as it does where they are called `stem` and `norm`, or an error says that it cannot.
# Seen: no error and no warning; the weights of `stem/norm` are missing. Slashes alone do no harm (`stem/conv` and `stem/norm` are whole):
#   one layer's name must be the beginning of the other's path. The converter goes by the groups of an HDF5 file, and does not go below a
#   group that has weights of its own. TensorFlow.js then refuses to load the model ("weights are not set").
#   It matters to trained models: MobileNetV3 of Keras 2 (`Conv` and `Conv/BatchNorm`) loses the statistics of its batch normalization.
#   The `.keras` and `.h5` files of the same model are whole.
# Reports that may be of this: issues 3004, 3776 and 5309 (tensorflow/tfjs), closed without a fix.
# Seen on 2026-11-29, Python 3.11. tensorflow-decision-forests, which the package imports, needs an older ydf than it asks for.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/converted.py" <<'PYTHON'
import json
import sys

import tf_keras
import tensorflowjs

for names in [("stem", "norm"), ("stem/conv", "stem/norm"), ("stem", "stem/norm")]:
    model = tf_keras.Sequential([
        tf_keras.layers.Input((4, 4, 1)), tf_keras.layers.Conv2D(2, 3, name=names[0]), tf_keras.layers.BatchNormalization(name=names[1])])
    tensorflowjs.converters.save_keras_model(model, sys.argv[1])
    with open(sys.argv[1] + "/model.json") as file:
        manifest = json.load(file)["weightsManifest"]
    found = [weight["name"] for group in manifest for weight in group["weights"]]
    print("seen:", *names, len(found))
PYTHON

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    tensorflowjs==4.22.0 tensorflow==2.19.0 tf_keras==2.19.0 tensorflow-decision-forests==1.12.0 ydf==0.11.0 "setuptools<81"
seen=$("$folder/venv/bin/python" "$folder/converted.py" "$folder/model" 2> /dev/null | grep '^seen:')
echo "$seen"
wanted="seen: stem norm 6
seen: stem/conv stem/norm 6
seen: stem stem/norm 2"
if [ "$seen" != "$wanted" ]; then
    echo "different: of the last model, too, 2 of 6 weights were seen before"
    exit 1
fi
