#!/usr/bin/env python3
"""Trainings over ranks of this machine, measured beside what cost/ predicts. ./dev bench --ranks runs this.

    workers      one worker of two threads beside two of one, in turns, on the same batch
    layouts      the step of each layout beside `celere plan`'s, from this machine's own calibration
    collectives  time of each by size, beside its closed form with the fabric that was measured
    checkpoint   what a save every 20 steps holds up; and what loading under another layout takes

Alone on the machine, or the figures are another program's.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LAYOUTS = ["dp=2", "dp=2,zero_stage=1", "dp=2,zero_stage=2", "dp=2,zero_stage=3", "tp=2", "tp=2,sequence_parallel=true", "pp=2",
           "cp=2"]
SEEN = 10   # steps before those that count


def run(arguments, folder, config, check=True):
    environment = os.environ | {"XDG_CONFIG_HOME": str(config)}
    done = subprocess.run([str(a) for a in arguments], cwd=folder, env=environment, text=True, capture_output=True)
    if check and done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stderr[-2000:]}")
    return done.stdout


class Bench:
    def __init__(self, build, folder):
        self.build, self.folder, self.config = build, folder, folder / "config"
        (folder / "examples").symlink_to(ROOT / "examples")
        text = (ROOT / "examples" / "quickstart.toml").read_text()
        text = text.replace('use = "this-machine"', 'use = "this-machine-cores"')
        self.run_file = folder / "ranks.toml"
        self.run_file.write_text(re.sub(r'every = ".*"', 'every = "20 steps"', text))

    def celere(self, *arguments):
        return run([self.build / "celere", *arguments], self.folder, self.config)

    def train(self, runs, layout, steps, threads):
        lines = self.celere("train", self.run_file, "--runs", runs, "--layout", layout, "--stop-after", steps, "--threads", threads,
                            "--json").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def step(self, runs, layout, threads):
        """Median seconds of a step, and what the events said."""
        said = self.train(runs, layout, 60, threads)
        steps = [one for one in said if one["kind"] == "step"]
        return statistics.median(one["step_time_s"] for one in steps[SEEN:]), said

    def predicted(self, layout):
        best = json.loads(self.celere("plan", self.run_file, "--layout", layout + ",micro_batch=8", "--json"))["best"]
        return best[0] if best else None


def workers(bench):
    ratios = []
    for turn in range(4):
        one, _ = bench.step(f"one{turn}", "dp=1", 2)
        two, _ = bench.step(f"two{turn}", "dp=2", 1)
        sharded, _ = bench.step(f"sharded{turn}", "dp=2,zero_stage=1", 1)
        ratios.append((one, two, sharded))
    one, two, sharded = (statistics.median(column) for column in zip(*ratios))
    print(f"one worker of two threads {one * 1e3:.1f} ms; two of one {two * 1e3:.1f} ms: {two / one:.2f} times as long; with ZeRO 1 "
          f"{sharded * 1e3:.1f} ms: {sharded / one:.2f} times")


def layouts(bench):
    print(f"{'layout':32}{'measured':>10}{'predicted':>11}{'ratio':>7}   of the prediction: compute, traffic, optimizer")
    for number, layout in enumerate(LAYOUTS):
        measured, _ = bench.step(f"layout{number}", layout, 1)
        plan = bench.predicted(layout)
        if plan is None:
            print(f"{layout:32}{measured * 1e3:8.1f} ms   no plan")
            continue
        parts = plan["step_parts"]
        traffic = sum(parts[f"{axis}_s"] for axis in ("tp", "pp", "dp", "ep", "cp"))
        print(f"{layout:32}{measured * 1e3:8.1f} ms{plan['step_time_s'] * 1e3:8.1f} ms{measured / plan['step_time_s']:7.2f}   "
              f"{parts['compute_s'] * 1e3:.1f}, {traffic * 1e3:.1f}, {parts['optimizer_s'] * 1e3:.1f} ms")


def collectives(bench):
    """cost/collective.hpp's ring on two ranks: (n - 1) (latency + bytes / (n bandwidth)), twice for an all-reduce."""
    fabric = (bench.config / "celere/catalog/clusters/this-machine-cores.toml").read_text()
    bandwidth = float(re.search(r'bandwidth = \{ is = "([\d.e+]+) GB/s"', fabric)[1]) * 1e9
    latency = float(re.search(r'latency = \{ is = "([\d.e+-]+) us"', fabric)[1]) * 1e-6
    worker, meeting = bench.build / "celere-worker", bench.folder / "meeting"
    command = [worker, "measure-gloo", "--meeting", meeting, "--size", "2", "--rank"]
    other = subprocess.Popen([str(a) for a in [*command, 1]], stdout=subprocess.DEVNULL)
    lines = run([*command, 0], bench.folder, bench.config).splitlines()
    other.wait()
    print(f"{'collective of two ranks':26}{'bytes':>12}{'measured':>12}{'predicted':>12}{'ratio':>8}")
    for one in map(json.loads, lines):
        if one["kind"] != "collective":
            continue
        predicted = (2 if one["op"] == "all-reduce" else 1) * (latency + one["bytes"] / (2 * bandwidth))
        print(f"{one['op']:26}{one['bytes']:12,}{one['time_s'] * 1e6:9.1f} us{predicted * 1e6:9.1f} us{one['time_s'] / predicted:8.2f}")


def checkpoint(bench):
    step, said = bench.step("saves", "dp=2,zero_stage=1", 1)
    saves = [one for one in said if one.get("event") == "checkpoint_saved"]
    blocking = statistics.median(one["blocking_time_s"] for one in saves)
    print(f"a save every 20 steps of {step * 1e3:.1f} ms blocks {blocking * 1e3:.1f} ms: {blocking / (20 * step):.2%} of the time")
    resumed = next(one for one in bench.train("saves", "tp=2", 61, 1) if one.get("event") == "resumed")
    files = sorted((bench.folder / "saves/quickstart/checkpoints").glob("step-*/*.safetensors"))[-2:]
    begin = time.perf_counter()
    read = sum(len(file.read_bytes()) for file in files)
    disk = read / (time.perf_counter() - begin)
    speed = resumed["bytes"] / resumed["load_time_s"]
    print(f"saved by dp=2 with ZeRO 1 and loaded by tp=2: {resumed['bytes'] / 1e6:.1f} MB verified and read by each rank in "
          f"{resumed['load_time_s'] * 1e3:.0f} ms: {speed / 1e6:.0f} MB/s, where reading the files alone makes {disk / 1e6:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["workers", "layouts", "collectives", "checkpoint"])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.build, pathlib.Path(folder))
        bench.celere("calibrate")
        for name in arguments.what:
            {"workers": workers, "layouts": layouts, "collectives": collectives, "checkpoint": checkpoint}[name](bench)
            print(flush=True)


if __name__ == "__main__":
    main()
