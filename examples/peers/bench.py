"""What the comparisons share: peers set up in target/peers, what a process says, and tables."""

import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "target" / "peers"
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def say(text):
    print(text, file=sys.stderr, flush=True)


def attempt(command, what, **more):
    """Runs an installation step; says why if it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    except OSError as fault:
        say(f"{what}: {fault}")
        return False
    if done.returncode != 0:
        say(f"{what}: {reason(done.stdout)}")
    return done.returncode == 0


def reason(text):
    """The line of a program's output that says why it failed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error:")]
    return errors[-1] if errors else lines[-1] if lines else "no message"


def new_environment(home, what):
    """The Python of a new virtual environment, or None."""
    made = attempt([sys.executable, "-m", "venv", "--clear", home],
                   f"{what}: no virtual environment (on Debian: apt-get install python3-venv)")
    return home / "bin" / "python" if made else None


def install(python, wanted, what):
    return attempt([python, "-m", "pip", "install", "--quiet", *wanted], f"{what}: pip")


def torch_interpreter(given):
    """A Python that has torch: the given one, the cached one, or a new one. None if it cannot be had."""
    can_import = ["-c", "import torch"]
    if given:
        return given if attempt([given, *can_import], f"PyTorch left out: {given}") else None
    home = CACHE / "venv"
    python = home / "bin" / "python"
    if python.exists() and subprocess.run([python, *can_import], **QUIET).returncode == 0:
        return str(python)
    say("installing PyTorch in target/peers (about 5 GB, once; --python PATH uses one that is there)")
    python = new_environment(home, "PyTorch left out")
    ready = python and install(python, ["-r", str(ROOT / "examples" / "peers" / "requirements.txt")], "PyTorch left out")
    return str(python) if ready else None


def node_modules(home, manifest, package, what):
    """The folder with a package of `manifest`, installed on first use, or None if it cannot be had."""
    if not shutil.which("node"):
        say(f"{what} left out: there is no node (on Debian: apt-get install nodejs npm)")
        return None
    if not (home / "node_modules" / package).exists():
        if not shutil.which("npm"):
            say(f"{what} left out: there is no npm (on Debian: apt-get install npm)")
            return None
        say(f"installing {what} in {home.relative_to(ROOT)}")
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(manifest, home)
        if not attempt(["npm", "install", "--silent", "--no-package-lock"], f"{what} left out: npm", cwd=home):
            return None
    return str(home / "node_modules")


def objects(text):
    """The JSON objects that are lines of a program's output, the last first."""
    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def welch(a, b):
    """Two-sided p of Welch's t-test (1947); 1 where neither varies and both are equal.

    >>> round(welch([1, 2, 3], [2, 3, 4]), 4)
    0.2879
    >>> round(welch([3.0, 4.0, 1.0, 2.1], [490.2, 340.0, 433.9]), 6)
    0.010752
    >>> welch([1, 1], [1, 1]), welch([1, 1], [2, 2])
    (1.0, 0.0)
    """
    errors = [statistics.variance(values) / len(values) for values in (a, b)]
    difference = abs(statistics.mean(a) - statistics.mean(b))
    if sum(errors) == 0:
        return 0.0 if difference else 1.0
    freedom = sum(errors) ** 2 / sum(error**2 / (len(values) - 1) for error, values in zip(errors, (a, b)))
    # With t = √ν·tan θ the density of Student's t is in proportion to cos(θ)^(ν − 1).
    angle = math.atan(difference / math.sqrt(sum(errors) * freedom))

    def tail(begin, parts=20000):
        width = (math.pi / 2 - begin) / parts
        return width * sum(math.cos(begin + (i + 0.5) * width) ** (freedom - 1) for i in range(parts))

    return tail(angle) / tail(0.0)


def available_threads():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor():
    try:
        text = Path("/proc/cpuinfo").read_text()
        return next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def in_turn(players, turn):
    """The order of a round: it moves on by one each round."""
    return players[turn % len(players):] + players[:turn % len(players)]


def short(number):
    """Three digits that mean something."""
    return f"{number:.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def print_table(lines):
    """Lines of cells, the head first; the first column to the left, the others to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for i, line in enumerate(lines):
        print("| " + " | ".join(cell.ljust(w) if j == 0 else cell.rjust(w)
                                for j, (cell, w) in enumerate(zip(line, widths))) + " |")
        if i == 0:
            print("|" + "|".join("-" * (w + 1) + ("-" if j == 0 else ":") for j, w in enumerate(widths)) + "|")
