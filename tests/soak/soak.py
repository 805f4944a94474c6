#!/usr/bin/env python3
"""A training under random faults ends with the weights of one that nothing happened to.

  soak.py BUILD [--faults N] [--seconds S] [--seed K]

Trainings of a tiny model are started one after another, each with faults drawn from a seed and some kinds switched off, until N
faults were done. What each promised (commits, layouts) is kept here, outside of the processes that are killed, as they say it.
Then:

  no committed step is lost     a start begins with the newest commit, but where the log says that it goes back on purpose
  no batch is passed over       its run file allows none: what was done is done again
  the same layout throughout    the final weights are bit for bit those of an undisturbed training
  other layouts on the way      they are those of an undisturbed training that follows the same trace
  the faults stop               and each training comes to its end
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import tiny_run

KINDS = ["kill_worker", "kill_agent", "kill_supervisor", "hang", "slow", "flip_bit", "nan", "disk_full", "corrupt_shard",
         "truncate_shard", "lose_node", "preempt"]
STEPS = 480
LAST_FAULT = 400  # then nothing more happens, and it must finish


def scenario(rng, count):
    """Faults at steps, of the kinds that are not switched off this time."""
    off = rng.sample(KINDS, rng.randint(1, 5))
    kinds = [kind for kind in KINDS if kind not in off]
    lines = ['[scenario]', 'name = "soak"']
    for step in sorted(rng.sample(range(5, LAST_FAULT), count)):
        kind = rng.choice(kinds)
        lines += ['[[fault]]', f'kind = "{kind}"', f'at_step = {step}']
        if kind == "hang" and rng.random() < 0.3:
            lines.append('for = "0.5 s"')
        if kind == "slow":
            lines += ['factor = 1.5', 'for_steps = 20']
        if kind == "lose_node":
            lines.append('for = "1 s"')
        if kind == "preempt":
            lines += ['notice = "0.5 s"', 'for = "1 s"']
    return "\n".join(lines) + "\n", off


class Expected:
    """What the training said that it did: it outlives every process of it."""

    def __init__(self, path):
        self.file = open(path, "w")
        self.committed = []   # steps, in their order
        self.faults = []
        self.segments = []    # (first step, layout) of each generation that trained
        self.problems = []
        self.goes_back_to = None
        self.damaged = False
        self.skipped = set()
        self.ended = None

    def hear(self, line):
        message = json.loads(line)
        if message["kind"] != "event":
            return
        self.file.write(line + "\n")
        self.file.flush()
        event = message["event"]
        if event == "checkpoint_saved":
            self.committed.append(message["step"])
        elif event == "fault":
            self.faults.append(message["fault"])
            self.damaged |= message["fault"] in ("corrupt_shard", "truncate_shard")
        elif event == "batch_skipped":
            self.skipped.add(message["step"])
        elif event == "decision" and message["action"] == "start":
            self.goes_back_to = message.get("from_step")
        elif event == "decision" and message["action"] == "regroup":
            self.replicas = message["replicas"]
        elif event == "started":
            self.start(message["step"], message["layout"])
        elif event == "went_on":  # the same layout with as many replicas as were decided on
            layout = re.sub(r"dp=\d+", f"dp={self.replicas}", self.segments[-1][1])
            self.segments.append((message["step"], layout))
        elif event in ("finished", "gave_up"):
            self.ended = message

    def start(self, step, layout):
        newest = self.committed[-1] if self.committed else 0
        allowed = newest if self.goes_back_to is None else min(newest, self.goes_back_to)
        if step < allowed and not self.damaged:
            self.problems.append(f"begins behind step {step}, and {allowed} was committed")
        self.damaged = False
        self.committed = [one for one in self.committed if one <= step]
        self.segments.append((step, layout))

    def trace(self):
        """Of each layout the steps that count in the end: [(layout, last step)]."""
        out = []
        for first, layout in self.segments:
            out = [(old, min(last, first)) for old, last in out]
            out = [(old, last) for i, (old, last) in enumerate(out) if last > (out[i - 1][1] if i else 0)]
            out.append((layout, STEPS))
        joined = []
        for layout, last in out:
            if joined and joined[-1][0] == layout:
                joined[-1] = (layout, last)
            else:
                joined.append((layout, last))
        return joined


class Soak:
    def __init__(self, build, folder, seed):
        self.build, self.folder, self.seed = build, folder, seed
        tiny_run.write_facts(folder)
        self.references = {}

    def run_file(self, name, rng):
        # Drawn in this order, so that a seed gives the same as ever.
        spares = str(rng.choice([0, 1]))
        node_patience = rng.choice(["0.3 s", "20 s"])
        lost = rng.choice(["roll back", "continue"])
        memory = rng.choice(["true", "false"])
        return tiny_run.run_file(self.folder, name, STEPS, spares=spares, node_patience=node_patience, lost=lost, memory=memory)

    def train(self, name, count):
        rng = random.Random(f"{self.seed} {name}")
        run = self.run_file(name, rng)
        text, off = scenario(rng, count)
        faults = self.folder / f"{name}.faults.toml"
        faults.write_text(text)
        print(f"{name}: {count} faults, without {', '.join(off)}", flush=True)
        expected = Expected(self.folder / f"{name}.expected.jsonl")
        begin = time.monotonic()
        command = [self.build / "celere", "train", run, "--layout", "dp=2", "--oversubscribe", "--threads", "1", "--json",
                   "--faults", faults, "--seed", str(rng.randrange(10**6))]
        process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stdout:
            expected.hear(line.rstrip("\n"))
        code = process.wait()
        self.judge(name, expected, code, process.stderr.read())
        trace = ", ".join(f"{layout.split(',micro')[0]} to {last}" for layout, last in expected.trace())
        print(f"  {len(expected.faults)} done ({', '.join(expected.faults)}), {time.monotonic() - begin:.0f} s, "
              f"{len(expected.segments)} starts; {trace}", flush=True)
        return len(expected.faults)

    def judge(self, name, expected, code, errors):
        if code != 0 or expected.ended is None or expected.ended.get("how") != "done":
            self.fail(name, f"it did not finish: exit code {code}, {expected.ended}, {errors}")
        if expected.problems:
            self.fail(name, "; ".join(expected.problems))
        if expected.skipped:
            self.fail(name, f"batches were passed over: {sorted(expected.skipped)}")
        got = tiny_run.weights(self.folder / "runs" / name)
        want = self.reference(name, expected.trace())
        if got != want:
            self.fail(name, f"the final weights are not those of the trace {expected.trace()}")

    def fail(self, name, what):
        kept = pathlib.Path(tempfile.mkdtemp(prefix="celere-soak-"))
        shutil.copytree(self.folder, kept, dirs_exist_ok=True)
        sys.exit(f"{name} (--seed {self.seed}): {what}\nall of it is in {kept}")

    def reference(self, name, trace):
        """An undisturbed training of NAME's run, by workers alone, that goes through the same layouts, one thread each too. What
        the runs of one soak differ in (spares, recovery) does not touch the weights."""
        key = tuple(trace)
        if key not in self.references:
            run = self.folder / "runs" / f"reference-{len(self.references)}"
            run.mkdir(parents=True)
            shutil.copy(self.folder / "runs" / name / "run.toml", run / "run.toml")
            for layout, last in trace:
                self.reference_part(run, layout, last)
            self.references[key] = tiny_run.weights(run)
        return self.references[key]

    def reference_part(self, run, layout, last):
        ranks = int(layout.split("dp=")[1].split(",")[0])
        corpus = next((self.folder / "data").iterdir())
        meeting = self.folder / f"meeting-{time.monotonic_ns()}"
        workers = []
        for rank in range(ranks):
            command = [self.build / "celere-worker", "train", "--run-directory", run, "--corpus", corpus, "--layout", layout,
                       "--stop-after", str(last), "--rank", str(rank)]
            if ranks > 1:
                command += ["--meeting", meeting]
            environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", GOMP_SPINCOUNT="20000",
                               MKL_DISABLE_FAST_MM="1")
            workers.append(subprocess.Popen(command, cwd=self.folder, env=environment, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.PIPE, text=True))
        for worker in workers:
            _, errors = worker.communicate(timeout=120)
            if worker.returncode != 0:
                sys.exit(f"the undisturbed training failed: {errors}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--faults", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=720)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    if not (build / "celere-worker").exists():
        print("skipped: celere-worker is not built")
        sys.exit(77)
    seed = arguments.seed if arguments.seed is not None else random.randrange(10**6)
    print(f"--seed {seed}", flush=True)
    begin, done, number = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="celere-soak-", ignore_cleanup_errors=True) as folder:
        os.environ["XDG_CONFIG_HOME"] = folder + "/config"  # what a user measured is not ours
        soak = Soak(build, pathlib.Path(folder), seed)
        while done < arguments.faults:
            if time.monotonic() - begin > arguments.seconds:
                sys.exit(f"{done} faults in {arguments.seconds:.0f} s are fewer than {arguments.faults}")
            number += 1
            done += soak.train(f"soak-{number}", 8)
    print(f"{done} faults in {number} trainings, {time.monotonic() - begin:.0f} s: all ended with the right weights")


if __name__ == "__main__":
    main()
