#!/usr/bin/env python3
"""Lays out a data set with one of the peers that Python reaches, and times its stages.

    peers.py NAME DATA.npy -o LAYOUT.npz --init INIT.npy [--perplexity 30] [--iterations 1000] [--threads 2]

NAME is one of opentsne-bh, opentsne-fft, scikit-learn, manifolds, manifolds-gpu. Each keeps its own schedule, with
exact neighbours, and begins with INIT; manifolds-rs takes no positions, so it begins with principal components of its
own, at the same standard deviation. The layout's file has `positions` and, of openTSNE, `snapshots`. One JSON object
is printed, on one line; loading the data and the modules is in none of its times.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EXAGGERATED = 250
SNAPSHOTS_EVERY = 50
INIT_STD = 1e-4


class Snapshots:
    """openTSNE calls this every 50 iterations of each phase, before the step of that number is taken."""

    def __init__(self, start):
        self.start = start
        self.positions, self.seconds = [], []

    def __call__(self, _iteration, _error, embedding):
        self.positions.append(np.array(embedding, dtype=np.float32))
        self.seconds.append(time.perf_counter() - self.start)

    def arrays(self):
        iterations = np.arange(1, len(self.seconds) + 1) * SNAPSHOTS_EVERY
        return {"snapshots": np.array(self.positions), "snapshot_seconds": np.array(self.seconds),
                "snapshot_iterations": iterations}


def opentsne(method):
    def run(given, data, init):
        import openTSNE
        from openTSNE.affinity import PerplexityBasedNN, get_knn_index
        start = time.perf_counter()
        snapshots = Snapshots(start)
        index = get_knn_index(data, "exact", k=min(len(data) - 1, int(3 * given.perplexity)), metric="euclidean",
                              n_jobs=given.threads)
        # The index searches when it is first asked, and asks itself once more for the affinities.
        found = index.build()
        index.build = lambda: found
        searched = time.perf_counter()
        affinities = PerplexityBasedNN(perplexity=given.perplexity, knn_index=index, n_jobs=given.threads)
        affine = time.perf_counter()
        embedding = openTSNE.TSNE(
            negative_gradient_method=method, n_jobs=given.threads, early_exaggeration_iter=EXAGGERATED,
            n_iter=given.iterations - EXAGGERATED, callbacks=snapshots, callbacks_every_iters=SNAPSHOTS_EVERY,
        ).fit(affinities=affinities, initialization=init)
        end = time.perf_counter()
        stages = {"neighbours": searched - start, "affinities": affine - searched, "optimise": end - affine}
        return np.asarray(embedding), stages, {"version": openTSNE.__version__}, snapshots.arrays()
    return run


def printed(work):
    """What `work` returns, what the process printed meanwhile (also from below Python), and the seconds it took."""
    sys.stdout.flush()
    kept = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            start = time.perf_counter()
            result = work()
            seconds = time.perf_counter() - start
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        return result, file.read().decode(errors="replace"), seconds


UNITS = {"ns": 1e-9, "µs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def stated(text, patterns):
    """Seconds that a program printed for its stages; 'optimise' is the rest, so that nothing is lost. Only what was
    understood is split off."""
    stages = {}
    for stage, pattern in patterns.items():
        if found := re.search(pattern + r"\s*([\d.]+)\s*(ns|µs|us|ms|s)\b", text):
            stages[stage] = float(found[1]) * UNITS[found[2]]
    return stages


def scikit_learn(given, data, init):
    import sklearn
    from sklearn.manifold import TSNE
    model = TSNE(perplexity=given.perplexity, max_iter=given.iterations, init=init, n_jobs=given.threads, verbose=2)
    layout, text, seconds = printed(lambda: model.fit_transform(data))
    stages = stated(text, {"neighbours": r"Computed neighbors for \d+ samples in",
                           "affinities": r"Computed conditional probabilities in"})
    about = {"version": sklearn.__version__, "iterations": int(model.n_iter_) + 1}
    return layout, {**stages, "optimise": seconds - sum(stages.values())}, about, {}


def manifolds(gpu):
    def run(given, data, _init):
        import manifolds_rs
        manifolds_rs.set_num_threads(given.threads)
        usual = dict(perplexity=given.perplexity, n_epochs=given.iterations, init="pca", init_range=INIT_STD,
                     randomised_init=False, verbose=1)
        if gpu:
            if not manifolds_rs.gpu_available():
                sys.exit("error: manifolds-rs finds no adapter")
            model = manifolds_rs.TSNEGpu(approx="fft_3k_gpu", ann="exhaustive_gpu", **usual)
        else:
            model = manifolds_rs.TSNE(approx="fft_3k", ann="kmknn", **usual)
        layout, text, seconds = printed(lambda: model.fit_transform(data))
        stages = stated(text, {"neighbours": r"kNN search done in:", "affinities": r"Finalised graph generation in"})
        about = {"version": f"{manifolds_rs.__version__} (core {manifolds_rs.__core_version__})"}
        return layout, {**stages, "optimise": seconds - sum(stages.values())}, about, {}
    return run


PEERS = {
    "opentsne-bh": opentsne("bh"),
    "opentsne-fft": opentsne("fft"),
    "scikit-learn": scikit_learn,
    "manifolds": manifolds(gpu=False),
    "manifolds-gpu": manifolds(gpu=True),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--perplexity", type=float, default=30.0)
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if given.iterations <= EXAGGERATED:
        parser.error(f"--iterations must be more than {EXAGGERATED}: so many are exaggerated")
    data, init = np.load(given.data), np.load(given.init)
    layout, stages, about, more = PEERS[given.name](given, data, init)
    np.savez(given.out, positions=np.asarray(layout, dtype=np.float32), **more)
    print(json.dumps({
        "peer": given.name, "iterations": given.iterations, "n": data.shape[0], "dim": data.shape[1], **about,
        "stage_ms": {stage: 1000 * seconds for stage, seconds in stages.items()},
    }))


if __name__ == "__main__":
    main()
