"""Lets `revacnn watch FOLDER` show and steer a training of PyTorch (with `pip install safetensors`). Copy this file beside your own.

Plain loop   watch = Watch("watched", model, optimizer, "net.toml", dataset="path/to/mnist", mean=[0.1307], std=[0.3081], batch=64)
             and after each optimizer.step(), before the next zero_grad():   watch(loss, accuracy, epoch)
Lightning    def on_train_start(self): self.watch = Watch("watched", self.model, self.optimizers().optimizer, "net.toml")
             def on_train_batch_end(self, outputs, batch, batch_idx): self.watch(outputs["loss"])
torchrun     the same in each process, once the process group is there: rank 0 writes and reads, and all follow the same orders
"""
import json, os, time, torch, torch.distributed as dist
from pathlib import Path
from safetensors.torch import save

SAVED = {"grad": "grad.", "momentum_buffer": "momentum.", "exp_avg": "momentum.", "exp_avg_sq": "second_moment.", "square_avg": "second_moment."}

class Watch:
    def __init__(self, folder, model, optimizer, network, every=100, **about):
        self.folder, self.model, self.optimizer, self.every, self.step, self.frozen = Path(folder), model, optimizer, every, 0, []
        self.orders, self.leads = {"version": 0, "save": 0}, not dist.is_initialized() or dist.get_rank() == 0
        if self.leads:
            self.folder.mkdir(parents=True, exist_ok=True)
            files = ("network" + Path(network).suffix, network), (Path(network).name + ".data", f"{network}.data")  # an ONNX file may have its weights there
            files = {to: Path(file).read_bytes() for to, file in files if file == network or os.path.exists(file)} | {"about.json": json.dumps(about).encode()}
            for old in {"checkpoints.jsonl", "steer.json", "network.toml", "network.onnx"}: (self.folder / old).unlink(missing_ok=True)
            for to, whole in files.items(): (self.folder / to).write_bytes(whole)
    @torch.no_grad()
    def __call__(self, loss=None, accuracy=None, epoch=None):
        for parameter, rows, values in self.frozen: parameter[rows] = values
        self.step += 1
        if self.step % self.every == 0 and self.leads:
            try: self.write({"loss": loss, "accuracy": accuracy, "epoch": epoch})
            except OSError as fault: print(f"revacnn: {fault}")  # a full disk must not end a training
        while self.step % self.every == 0 and self.steer(): time.sleep(0.2)
    def write(self, report):
        group, file, tensors = self.optimizer.param_groups[0], f"step-{self.step:08}.safetensors", dict(self.model.state_dict())
        for name, parameter in self.model.named_parameters():
            state = self.optimizer.state.get(parameter, {}) | {"grad": parameter.grad}
            tensors |= {SAVED[key] + name: state[key] for key in SAVED if state.get(key) is not None}
        report |= {"step": self.step, "file": file, "steered": self.orders["version"], "optimizer": type(self.optimizer).__name__.lower()}
        report = json.dumps(report | {key: group[key] for key in ("lr", "momentum", "betas", "weight_decay") if key in group}, default=float)
        whole = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, {"report": report})
        (self.folder / (file + ".part")).write_bytes(whole)  # save_file would let nobody else read it
        os.replace(self.folder / (file + ".part"), self.folder / file)
        with open(self.folder / "checkpoints.jsonl", "a") as reports: reports.write(report + "\n")
    def steer(self):
        read = [json.loads((self.folder / "steer.json").read_text()) if self.leads and (self.folder / "steer.json").exists() else self.orders]
        if dist.is_initialized(): dist.broadcast_object_list(read)
        before, self.orders = self.orders, read[0]
        if self.orders["version"] > before["version"]:
            self.frozen = [(p := self.model.get_parameter(name), rows, p[rows].clone()) for name, rows in self.orders["freeze"].items()]
            for group in self.optimizer.param_groups: group.update(self.orders["set"])
        if self.leads and self.orders["save"] > before["save"]:
            torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}, self.folder / f"saved-{self.step:08}.pt")
        return self.orders.get("pause", False)
