#!/usr/bin/env python3
"""Writes a data set as every contestant reads it: NAME.npy (N x D float32), and NAME-init.npy, where to begin.

    prepare.py digits FOLDER
    prepare.py mnist FOLDER --mnist DIR

digits  the 1 797 x 64 of scikit-learn, values 0 to 16
mnist   the first 10 000 training images / 255, centred, on their first 50 principal components

The layout to begin with is the first two principal components, the first of them with a standard deviation of 1e-4;
of each component the loading that is the largest in size is positive, so that it does not depend on the solver.
"""

import argparse
import gzip
import struct
import sys
from pathlib import Path

import numpy as np

IMAGES = 10_000
COMPONENTS = 50
INIT_STD = 1e-4


def digits(_given):
    from sklearn.datasets import load_digits
    return load_digits().data


def idx_images(path, count):
    """The first images of an IDX file, as rows of bytes."""
    with (gzip.open(path) if path.suffix == ".gz" else open(path, "rb")) as file:
        magic, held, height, width = struct.unpack(">4I", file.read(16))
        if magic != 0x803 or held < count:
            sys.exit(f"error: {path} is not an IDX file of {count} images or more")
        pixels = file.read(count * height * width)
    if len(pixels) < count * height * width:
        sys.exit(f"error: {path} ends too early")
    return np.frombuffer(pixels, dtype=np.uint8).reshape(count, height * width)


def mnist(given):
    names = ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"]
    found = [given.mnist / name for name in names if (given.mnist / name).exists()]
    if not found:
        sys.exit(f"error: there is no {names[1]} in {given.mnist}")
    return components(idx_images(found[0], IMAGES) / 255.0, COMPONENTS)


def components(data, count):
    """The data on their first principal components, by a singular value decomposition in float64."""
    centred = np.asarray(data, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    _, _, loadings = np.linalg.svd(centred, full_matrices=False)
    loadings = loadings[:count]
    largest = loadings[np.arange(len(loadings)), np.abs(loadings).argmax(axis=1)]
    return centred @ (loadings * np.sign(largest)[:, None]).T


def main():
    sets = {"digits": digits, "mnist": mnist}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sets)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mnist", type=Path, metavar="DIR", default=Path("."), help="folder with the IDX files")
    given = parser.parse_args()
    rows = sets[given.name](given).astype(np.float32)
    init = components(rows, 2)
    given.folder.mkdir(parents=True, exist_ok=True)
    np.save(given.folder / f"{given.name}-init.npy", (init / init[:, 0].std() * INIT_STD).astype(np.float32))
    # Last: where it is, all is.
    np.save(given.folder / f"{given.name}.npy", rows)
    print(f"{given.name}: {rows.shape[0]} x {rows.shape[1]}")


if __name__ == "__main__":
    main()
