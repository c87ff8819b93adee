#!/usr/bin/env python3
"""Judges layouts of a data set, all by the same rule, whatever the program that made them says of itself.

    judge.py DATA.npy LAYOUT... [--perplexity 30] [--no-dense]      one JSON object {layout: {...}}
    judge.py --test                                                 itself, against plain loops

DATA is N x D. A LAYOUT is an .npy of N x 2, or an .npz with `positions` (N x 2) and, where there are any,
`snapshots` (S x N x 2), `snapshot_iterations` and `snapshot_seconds` (S). All is computed in float64:

kl           KL(P || Q) = sum p ln p + sum p ln(1 + |y_i - y_j|^2) + ln Z, with Z = sum over all pairs i != j of
             1 / (1 + |y_i - y_j|^2) and P over the K = 3 perplexity exact nearest neighbours (van der Maaten and
             Hinton 2008, equations 1 to 4; K: van der Maaten 2014, section 4.1)
kl_dense     the same with P over all pairs, up to 10 000 rows
nnp          neighbourhood preservation: the mean share of the 12 nearest rows that are among the 12 nearest points
trust        trustworthiness at 12 (Venna and Kaski 2001), as scikit-learn defines it

Of rows at the same distance, that with the lower index is the nearer one. A layout that is not finite has null
for every number, a file that cannot be read a `failure`.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

NEIGHBOURS = 12
DENSE_ROWS = 10_000
# Elements of a block of distances: small enough for the cache where a pass does little else.
BLOCK = 1 << 20
SMALL_BLOCK = 1 << 15


def blocks(count, elements):
    """Slices of rows, each with about so many distances to all `count` rows."""
    size = max(1, elements // max(1, count))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def data_distances(data, rows):
    """Squared distances of some rows to all, a row to itself at -1: before every other.

    By differences, not by products: integer data keep their ties, and close rows their digits."""
    distances = cdist(data[rows], data, "sqeuclidean")
    distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = -1.0
    return distances


def nearest(distances, count):
    """Columns of the `count` smallest of each row of `data_distances`, itself left out, nearest first."""
    bound = np.partition(distances, count, axis=1)[:, count]
    found = np.empty((len(distances), count), dtype=np.int64)
    for row, (values, most) in enumerate(zip(distances, bound)):
        near = np.flatnonzero(values <= most)
        found[row] = near[np.argsort(values[near], kind="stable")[1:count + 1]]
    return found


def bandwidths(squared, perplexity, tolerance=1e-8):
    """For each row of squared distances, itself left out: beta, sum of weights, smallest distance, and whether the
    entropy of exp(-beta d^2) / sum came within `tolerance` of ln(perplexity).

    Newton's method for t = ln beta within a bracket, by halves where it leaves the bracket. Weights are taken
    against the smallest distance, which the normalisation cancels, so that no row underflows as a whole."""
    smallest = squared.min(axis=1)
    delta = squared - smallest[:, None]
    scale = delta.mean(axis=1)
    t = -np.log(np.where(scale > 0, scale, 1.0))
    low, high = np.full(len(t), -np.inf), np.full(len(t), np.inf)
    total = np.empty(len(t))
    error = np.full(len(t), np.inf)
    open_rows = np.arange(len(t))
    for _ in range(100):
        rows = delta[open_rows]
        beta = np.exp(t[open_rows])
        weights = np.exp(-beta[:, None] * rows)
        total[open_rows] = weights.sum(axis=1)
        weights *= rows
        mean = weights.sum(axis=1) / total[open_rows]
        weights *= rows
        variance = weights.sum(axis=1) / total[open_rows] - mean ** 2
        excess = np.log(total[open_rows]) + beta * mean - np.log(perplexity)
        error[open_rows] = np.abs(excess)
        going = np.abs(excess) > tolerance
        if not going.any():
            break
        open_rows, beta, excess, variance = open_rows[going], beta[going], excess[going], variance[going]
        here = t[open_rows]
        low[open_rows] = np.where(excess > 0, here, low[open_rows])
        high[open_rows] = np.where(excess > 0, high[open_rows], here)
        t[open_rows] = bracketed_step(here, excess, beta ** 2 * variance, low[open_rows], high[open_rows])
    return np.exp(t), total, smallest, error <= tolerance


def bracketed_step(t, excess, slope, low, high):
    """Newton's next t where it stays within the bracket and moves at most 2, else half-way, else 2 on."""
    newton = t + excess / np.maximum(slope, 1e-300)
    with np.errstate(invalid="ignore"):
        middle = (low + high) / 2
    onward = t + np.where(excess > 0, 2.0, -2.0)
    safe = np.where(np.isfinite(middle), middle, onward)
    return np.where((newton > low) & (newton < high) & (np.abs(newton - t) <= 2), newton, safe)


class Affinities:
    """P of a data set: sparse over the exact nearest neighbours, and what it takes to write a row of the dense P."""

    def __init__(self, data, perplexity, dense):
        count = len(data)
        if count < 4:
            raise ValueError(f"{count} rows are too few to judge a layout by")
        self.data = data
        self.perplexity = min(float(perplexity), (count - 1) / 3)
        self.kept = min(count - 1, int(3 * perplexity))
        # Trustworthiness is defined for fewer than half the points.
        self.k = min(NEIGHBOURS, (count - 1) // 2)
        self.dense = dense
        self.neighbours = np.empty((count, self.kept), dtype=np.int64)
        self.beta, self.total, self.smallest = np.empty((3, count))
        squared = np.empty((count, self.kept))
        self.unreached = 0
        for rows in blocks(count, BLOCK):
            distances = data_distances(data, rows)
            self.neighbours[rows] = nearest(distances, self.kept)
            squared[rows] = np.take_along_axis(distances, self.neighbours[rows], axis=1)
            if dense:
                others = distances[distances >= 0].reshape(len(distances), count - 1)
                self.beta[rows], self.total[rows], self.smallest[rows], reached = bandwidths(others, self.perplexity)
                self.unreached += int((~reached).sum())
        self.sparse = self.over_neighbours(squared)
        self.entropy = float((self.sparse.data * np.log(self.sparse.data)).sum())

    def over_neighbours(self, squared):
        """p_ij = (p_j|i + p_i|j) / 2N in compressed rows; those that underflowed to zero left out."""
        count = len(self.data)
        beta, total, smallest, reached = bandwidths(squared, self.perplexity)
        self.unreached += int((~reached).sum())
        values = np.exp(-beta[:, None] * (squared - smallest[:, None])) / total[:, None]
        starts = np.arange(0, count * self.kept + 1, self.kept)
        directed = csr_matrix((values.ravel(), self.neighbours.ravel(), starts), shape=(count, count))
        joint = ((directed + directed.T) / (2 * count)).tocsr()
        joint.eliminate_zeros()
        return joint

    def dense_rows(self, rows, distances):
        """p_ij of some rows i and all j; `distances` are those rows of `data_distances`."""
        forth = np.maximum(distances - self.smallest[rows, None], 0)
        forth = np.exp(-self.beta[rows, None] * forth) / self.total[rows, None]
        back = np.exp(-self.beta * np.maximum(distances - self.smallest, 0)) / self.total
        joint = (forth + back) / (2 * len(self.data))
        joint[distances < 0] = 0.0
        return joint


def layout_squared(layout, rows, columns=slice(None)):
    """Squared distances of some points to others, by differences: exact also far from the origin."""
    x, y = layout[rows].T, layout[columns].T
    squared = np.subtract.outer(x[0], y[0])
    squared *= squared
    across = np.subtract.outer(x[1], y[1])
    across *= across
    squared += across
    return squared


def normaliser(layout):
    """Z = sum over i != j of 1 / (1 + |y_i - y_j|^2), each pair once and doubled."""
    count = len(layout)
    twice, within = 0.0, 0.0
    for rows in blocks(count, SMALL_BLOCK):
        kernel = 1.0 / (1.0 + layout_squared(layout, rows, slice(rows.start, count)))
        size = rows.stop - rows.start
        within += kernel[:, :size].sum() - size
        twice += kernel[:, size:].sum()
    return within + 2 * twice


def divergence(affinities, layout):
    """KL over the nearest neighbours, and Z."""
    joint = affinities.sparse
    rows = np.repeat(np.arange(len(layout)), np.diff(joint.indptr))
    difference = layout[rows] - layout[joint.indices]
    attraction = float((joint.data * np.log1p((difference ** 2).sum(axis=1))).sum())
    z = normaliser(layout)
    return affinities.entropy + attraction + float(np.log(z)), z


def layout_neighbours(layout, k):
    """The k nearest points of each, itself left out also where others lie on the same spot."""
    _, found = cKDTree(layout).query(layout, k=k + 1)
    own = found == np.arange(len(layout))[:, None]
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(layout), k)


def neighbourhood_preservation(affinities, near):
    k = near.shape[1]
    shared = (near[:, :, None] == affinities.neighbours[:, None, :k]).any(axis=2)
    return float(shared.mean())


def ranks_and_dense(affinities, layouts, nears, normalisers):
    """Trustworthiness and dense KL of each layout, in one pass over the distances of the data.

    Trustworthiness is 1 - 2 / (N k (2N - 3k - 1)) * sum over the layout's neighbours of max(0, rank - k), where rank 1
    is the nearest row."""
    data, k = affinities.data, affinities.k
    count = len(data)
    late = np.zeros(len(layouts))
    attraction = np.zeros(len(layouts))
    entropy = 0.0
    places = np.arange(count)
    for rows in blocks(count, BLOCK):
        distances = data_distances(data, rows)
        order = np.argsort(distances, axis=1, kind="stable")
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.broadcast_to(places, order.shape), axis=1)
        joint = affinities.dense_rows(rows, distances) if affinities.dense else None
        if joint is not None:
            present = joint[joint > 0]
            entropy += float((present * np.log(present)).sum())
        for at, (layout, near) in enumerate(zip(layouts, nears)):
            late[at] += np.maximum(0, np.take_along_axis(ranks, near[rows], axis=1) - k).sum()
            if joint is not None:
                attraction[at] += np.vdot(joint, np.log1p(layout_squared(layout, rows)))
    trust = 1 - late * 2 / (count * k * (2 * count - 3 * k - 1))
    dense = entropy + attraction + np.log(normalisers) if affinities.dense else [None] * len(layouts)
    return [(float(t), None if d is None else float(d)) for t, d in zip(trust, dense)]


def read(path, count):
    """Positions and snapshots [(iteration, seconds, positions)] of a layout's file, as `usable` returns them."""
    loaded = np.load(path)
    if isinstance(loaded, np.ndarray):
        return usable(loaded, count), []
    with loaded:
        snapshots = zip(loaded["snapshot_iterations"], loaded["snapshot_seconds"], loaded["snapshots"]) \
            if "snapshots" in loaded else []
        return usable(loaded["positions"], count), [(int(i), float(s), usable(y, count)) for i, s, y in snapshots]


def usable(layout, count):
    """The layout in float64, None where it is not finite."""
    if layout.shape != (count, 2):
        raise ValueError(f"positions of shape {layout.shape} where the data ask for {(count, 2)}")
    layout = layout.astype(np.float64)
    return layout if np.isfinite(layout).all() else None


def judge(affinities, files):
    """{file: {kl, kl_dense, nnp, trust, snapshots: [{iteration, seconds, kl}]}}, or {file: {failure}}

    Layouts that are the same bit for bit, as those of two runs of one program, are judged once."""
    count = len(affinities.data)
    known, full, finals = {}, {}, {}

    def measured(layout):
        key = hashlib.sha256(layout.tobytes()).digest()
        if key not in known:
            known[key] = divergence(affinities, layout)
        return key, known[key]

    verdicts = {}
    for path in files:
        try:
            layout, snapshots = read(path, count)
        except (ValueError, KeyError, OSError, BadZipFile) as fault:
            verdicts[path] = {"failure": f"its layout cannot be read: {fault}"}
            continue
        verdict = {"kl": None, "kl_dense": None, "nnp": None, "trust": None, "snapshots": [
            {"iteration": iteration, "seconds": seconds, "kl": None if at is None else measured(at)[1][0]}
            for iteration, seconds, at in snapshots]}
        if layout is not None:
            key, (kl, z) = measured(layout)
            verdict["kl"] = kl
            finals[path] = key
            full[key] = (layout, layout_neighbours(layout, affinities.k), z)
        verdicts[path] = verdict
    layouts, nears, normalisers = zip(*full.values()) if full else ((), (), ())
    found = ranks_and_dense(affinities, layouts, nears, np.array(normalisers)) if full else []
    by_key = dict(zip(full, found))
    for path, key in finals.items():
        trust, dense = by_key[key]
        verdicts[path] |= {"kl_dense": dense, "trust": trust,
                           "nnp": neighbourhood_preservation(affinities, full[key][1])}
    return verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("layouts", type=Path, nargs="*")
    parser.add_argument("--perplexity", type=float, default=30.0)
    parser.add_argument("--no-dense", action="store_true", help="leave out kl_dense")
    parser.add_argument("--test", action="store_true", help="test the judge itself, and nothing else")
    given = parser.parse_intermixed_args()
    if given.test:
        from judge_test import run
        return run()
    if not given.data or not given.layouts:
        parser.error("name the data and at least one layout, or --test")
    data = np.load(given.data).astype(np.float64)
    affinities = Affinities(data, given.perplexity, dense=not given.no_dense and len(data) <= DENSE_ROWS)
    if affinities.unreached:
        print(f"note: {affinities.unreached} rows have too many equal distances for this perplexity", file=sys.stderr)
    verdicts = judge(affinities, given.layouts)
    print(json.dumps({str(path): verdict for path, verdict in verdicts.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
