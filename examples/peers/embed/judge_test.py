"""The tests of judge.py: every number against plain loops that follow its definition, and what must not agree.

Run them with `judge.py --test`.
"""

import math
import tempfile
from pathlib import Path

import numpy as np
from sklearn.manifold import trustworthiness

import judge

PERPLEXITY = 4.0


def squared(a, b):
    return sum((float(x) - float(y)) ** 2 for x, y in zip(a, b))


def ordered(rows, i):
    """The other rows from the nearest to the farthest; of equal ones the lower index first."""
    return sorted((j for j in range(len(rows)) if j != i), key=lambda j: (squared(rows[i], rows[j]), j))


def conditional(distances, perplexity):
    """Probabilities whose entropy is ln(perplexity), by halving the bracket of beta 200 times."""
    low, high = 0.0, 1e6
    for _ in range(200):
        beta = (low + high) / 2
        weights = [math.exp(-beta * (d - min(distances))) for d in distances]
        p = [w / sum(weights) for w in weights]
        entropy = -sum(v * math.log(v) for v in p if v > 0)
        low, high = (beta, high) if entropy > math.log(perplexity) else (low, beta)
    return p


def joint(rows, perplexity, kept):
    """The matrix of p_ij over the `kept` nearest."""
    count = len(rows)
    p = [[0.0] * count for _ in rows]
    for i in range(count):
        near = ordered(rows, i)[:kept]
        for j, value in zip(near, conditional([squared(rows[i], rows[j]) for j in near], perplexity)):
            p[i][j] += value / (2 * count)
            p[j][i] += value / (2 * count)
    return p


def divergence(p, layout):
    """Sum of p ln(p / q), straight from the definition."""
    pairs = [(i, j) for i in range(len(layout)) for j in range(len(layout)) if i != j]
    kernel = {(i, j): 1 / (1 + squared(layout[i], layout[j])) for i, j in pairs}
    z = sum(kernel.values())
    return sum(p[i][j] * math.log(p[i][j] * z / kernel[i, j]) for i, j in pairs if p[i][j] > 0)


def trust(rows, layout, k):
    count = len(rows)
    late = 0
    for i in range(count):
        ranks = {j: rank for rank, j in enumerate(ordered(rows, i), start=1)}
        late += sum(max(0, ranks[j] - k) for j in ordered(layout, i)[:k])
    return 1 - 2 / (count * k * (2 * count - 3 * k - 1)) * late


def preservation(rows, layout, k):
    shares = [len(set(ordered(rows, i)[:k]) & set(ordered(layout, i)[:k])) / k for i in range(len(rows))]
    return sum(shares) / len(shares)


def verdict_of(rows, layout, perplexity=PERPLEXITY):
    affinities = judge.Affinities(np.asarray(rows, dtype=np.float64), perplexity, dense=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layout.npy"
        np.save(path, layout)
        return judge.judge(affinities, [path])[path]


class Tests:
    def __init__(self):
        self.passed, self.failed = 0, 0

    def holds(self, what, true):
        self.passed += bool(true)
        self.failed += not true
        if not true:
            print(f"failed: {what}")

    def close(self, what, value, expected, tolerance):
        self.holds(f"{what}: {value} and not {expected}", value is not None and abs(value - expected) <= tolerance)

    def far(self, what, value, expected, distance):
        self.holds(f"{what} was not noticed", abs(value - expected) > distance)


def against_loops(tests, name, rows, layout):
    count, k = len(rows), min(judge.NEIGHBOURS, (len(rows) - 1) // 2)
    perplexity = min(PERPLEXITY, (count - 1) / 3)
    kept = min(count - 1, int(3 * PERPLEXITY))
    sparse, dense = joint(rows, perplexity, kept), joint(rows, perplexity, count - 1)
    found = verdict_of(rows, layout)
    tests.close(f"{name}: kl", found["kl"], divergence(sparse, layout), 1e-7)
    tests.close(f"{name}: kl_dense", found["kl_dense"], divergence(dense, layout), 1e-7)
    tests.close(f"{name}: trust", found["trust"], trust(rows, layout, k), 1e-12)
    tests.close(f"{name}: nnp", found["nnp"], preservation(rows, layout, k), 1e-12)
    return found


def distinct_rows(tests, random):
    for count, width in [(4, 1), (7, 3), (29, 5), (61, 2)]:
        rows, layout = random.normal(size=(count, width)), random.normal(size=(count, 2)) * 3
        found = against_loops(tests, f"{count} rows", rows, layout)
        k = min(judge.NEIGHBOURS, (count - 1) // 2)
        tests.close(f"{count} rows: scikit-learn's trust", found["trust"],
                    trustworthiness(rows, layout, n_neighbors=k), 1e-12)


def equal_distances(tests, random):
    """Integer rows, with many at the same distance and some twice."""
    rows = random.integers(0, 3, size=(31, 3)).astype(np.float64)
    against_loops(tests, "ties", rows, random.normal(size=(31, 2)))
    # More rows on one spot than the perplexity: no bandwidth brings the entropy so low, and nothing is NaN.
    rows = np.concatenate([np.zeros((20, 3)), random.normal(size=(20, 3))])
    affinities = judge.Affinities(rows, PERPLEXITY, dense=False)
    tests.holds("rows on one spot are counted", affinities.unreached > 0)
    tests.close("rows on one spot: the sum of p", affinities.sparse.sum(), 1, 1e-12)


def blocks_agree(tests, random):
    """The same numbers whatever the size of a block, and far from the origin."""
    rows, layout = random.normal(size=(53, 4)), random.normal(size=(53, 2)) * 5
    whole = verdict_of(rows, layout)
    usual = judge.BLOCK, judge.SMALL_BLOCK
    judge.BLOCK, judge.SMALL_BLOCK = 53 * 7, 53 * 5
    parts = verdict_of(rows + 1e3, layout + 1e3)
    judge.BLOCK, judge.SMALL_BLOCK = usual
    for number in ("kl", "kl_dense", "trust", "nnp"):
        tests.close(f"in blocks: {number}", parts[number], whole[number], 1e-9)


def entropies(tests, random):
    distances = random.exponential(size=(200, 90)) ** 2 * np.exp(random.normal(size=(200, 1)) * 10)
    for perplexity in (2.0, 30.0, 80.0):
        beta, total, smallest, reached = judge.bandwidths(distances, perplexity)
        p = np.exp(-beta[:, None] * (distances - smallest[:, None])) / total[:, None]
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
        tests.holds(f"perplexity {perplexity} is reached", reached.all())
        tests.close(f"perplexity {perplexity}", np.abs(entropy - np.log(perplexity)).max(), 0, 2e-8)


def controls(tests, random):
    """What must come out different, and what is known without loops."""
    rows = random.normal(size=(41, 2)) * 4
    same = verdict_of(rows, rows)
    tests.close("a layout that is the data: trust", same["trust"], 1, 0)
    tests.close("a layout that is the data: nnp", same["nnp"], 1, 0)
    mixed = verdict_of(rows, rows[random.permutation(41)])
    for number, distance in [("kl", 0.5), ("kl_dense", 0.5), ("trust", 0.2), ("nnp", 0.3)]:
        tests.far(f"mixed up rows: {number}", mixed[number], same[number], distance)
    moved = rows.copy()
    moved[3] += 0.01
    tests.far("one point moved", verdict_of(rows, moved)["kl"], same["kl"], 1e-7)
    tests.far("another perplexity", verdict_of(rows, rows, 3.0)["kl"], same["kl"], 1e-3)
    against = joint(rows, PERPLEXITY, 12)
    tests.far("Z with the pairs of a point with itself", same["kl"],
              divergence(against, rows) + math.log1p(41 / judge.normaliser(rows)), 1e-3)
    # All points on one spot: q is uniform, so KL is the sum of p ln(p N (N - 1)).
    spot = verdict_of(rows, np.zeros((41, 2)))
    flat = sum(v * math.log(v * 41 * 40) for row in against for v in row if v > 0)
    tests.close("all points on one spot: kl", spot["kl"], flat, 1e-7)
    rows[5, 1] = np.nan
    broken = verdict_of(moved, rows)
    tests.holds("a layout with NaN has no numbers", all(broken[n] is None for n in ("kl", "kl_dense", "trust", "nnp")))


def files(tests, random):
    """Snapshots, one of them the layout itself, and layouts of the wrong shape."""
    rows, layout = random.normal(size=(23, 3)), random.normal(size=(23, 2))
    affinities = judge.Affinities(rows, PERPLEXITY, dense=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layout.npz"
        np.savez(path, positions=layout.astype(np.float32), snapshots=np.stack([layout * 0, layout]).astype(np.float32),
                 snapshot_iterations=[50, 100], snapshot_seconds=[0.5, 1.25])
        found = judge.judge(affinities, [path])[path]
        short, none = Path(folder) / "short.npy", Path(folder) / "none.npz"
        np.save(short, layout[:-1])
        np.savez(none, layout=layout)
        others = judge.judge(affinities, [short, none, path])
    first, second = found["snapshots"]
    tests.holds("snapshots keep their times", (first["iteration"], second["seconds"]) == (50, 1.25))
    tests.holds("the last snapshot is the layout", second["kl"] == found["kl"])
    tests.far("the first snapshot", first["kl"], found["kl"], 1e-3)
    tests.holds("no dense P, no dense KL", found["kl_dense"] is None)
    for name in (short, none):
        tests.holds(f"{name.name} is refused", "failure" in others[name])
    tests.holds("one that is refused does not spoil the others", others[path] == found)


def run():
    tests = Tests()
    for test in (distinct_rows, equal_distances, blocks_agree, entropies, controls, files):
        test(tests, np.random.default_rng(7))
    print(f"{tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed else 0
