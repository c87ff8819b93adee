"""A run of ReVACNN from Python, while it trains. The standard library is all it takes; tensors are NumPy arrays where NumPy is there.

    run = Run.start("train", "--dataset", "digits", "--paused")    # a training of its own
    run = Run()                                                    # the newest one that listens on this machine
    run.step(100)
    run.command({"set_learning_rate": 0.01})
    run.tensor("conv1")
"""

import array
import atexit
import base64
import json
import math
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

try:
    import numpy
except ImportError:
    numpy = None


class Refused(Exception):
    """An error of the run: its code, what happened, and what to do next."""

    def __init__(self, error):
        self.code, self.help = error["code"], error.get("data", {}).get("help", "")
        super().__init__(f"{error['message']} (help: {self.help})" if self.help else error["message"])


class Picture:
    """A picture as PNG, which notebooks show."""

    def __init__(self, png):
        self.png = png

    def _repr_png_(self):
        return self.png

    def save(self, path):
        Path(path).write_bytes(self.png)


def newest_file():
    """The file with port and token of the run that began to listen last."""
    if os.environ.get("REVACNN_DOOR"):
        return Path(os.environ["REVACNN_DOOR"])
    home = Path.home()
    folders = [Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "revacnn", home / "Library/Caches/revacnn"]
    if os.environ.get("XDG_RUNTIME_DIR"):
        folders.append(Path(os.environ["XDG_RUNTIME_DIR"]) / "revacnn")
    if os.environ.get("LOCALAPPDATA"):
        folders.append(Path(os.environ["LOCALAPPDATA"]) / "revacnn/cache")
    files = sorted((file for folder in folders for file in folder.glob("door-*.json")), key=lambda file: file.stat().st_mtime)
    if not files:
        raise FileNotFoundError("no run listens on this machine: begin one with revacnn train --listen")
    return files[-1]


class Run:
    """A run, by the file with its port and token."""

    def __init__(self, file=None):
        door = json.loads(Path(file or newest_file()).read_text())
        self.process, self.reader, self.events, self.last = None, None, [], 0
        self.socket = socket.create_connection((door["address"], door["port"]))
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")
        self.call("authenticate", token=door["token"])

    @classmethod
    def start(cls, *arguments, program="revacnn"):
        """Starts the program with --listen, and comes in. `events` gets what it prints."""
        process = subprocess.Popen([program, *arguments, "--json", "--listen"], stdout=subprocess.PIPE, text=True)
        first = process.stdout.readline()
        if not first:
            raise RuntimeError(f"{program} ended with status {process.wait()}; standard error says why")
        run = cls(json.loads(first)["file"])
        run.process = process
        # Ends it as Ctrl-C does, where this program ends without `stop`.
        atexit.register(process.terminate)
        # What nobody reads would stop the program once the pipe is full.
        run.reader = threading.Thread(target=lambda: run.events.extend(map(json.loads, process.stdout)), daemon=True)
        run.reader.start()
        return run

    def call(self, method, **params):
        """The result of a method; an error of the run is `Refused`."""
        self.last += 1
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": self.last}
        self.socket.sendall((json.dumps(request) + "\n").encode())
        line = self.lines.readline()
        if not line:
            raise ConnectionError("the run has closed the connection: it has ended, or the token is not its own")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def state(self):
        return self.call("state")

    def command(self, command):
        """Changes the run; returns the number of steps before which the change took effect."""
        return self.call("command", command=command)["step"]

    def run(self):
        return self.call("run")

    def pause(self):
        return self.call("pause")

    def step(self, steps=1):
        """Trains this number of steps, then pauses; returns once they are made."""
        return self.call("step", steps=steps)

    def metrics(self, since=0):
        return self.call("metrics", since=since)

    def tensor(self, layer, kind="weights", part=None):
        """A NumPy array in the shape of the tensor; without NumPy, its shape and a flat `array`."""
        answer = self.call("tensor", layer=layer, kind=kind, part=part)
        values = array.array("f", base64.b64decode(answer["data"]))
        if sys.byteorder == "big":
            values.byteswap()
        shape = tuple(answer["shape"])
        assert len(values) == math.prod(shape)
        return (shape, values) if numpy is None else numpy.array(values, numpy.float32).reshape(shape)

    def picture(self, view="workbench", **params):
        """A pane such as `network` or `charts`: `width`, `height`, `theme` ("dark" or "light"), `layers`."""
        return Picture(base64.b64decode(self.call("picture", view=view, **params)["data"]))

    def stop(self):
        """Ends `revacnn train`, which is saved; returns the event of its end where it was started here."""
        self.call("stop")
        self.close()
        if self.process:
            self.reader.join()
            self.process.wait()
            return self.events[-1] if self.events else None

    def close(self):
        self.lines.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
