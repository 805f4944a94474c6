#!/usr/bin/env python3
"""A training under a real Slurm: three nodes and a spare, one of which dies half-way with its disk. It must end with the weights
of a training that nothing disturbed, bit for bit, and have lost no step that was committed. Then the same with the node that the
supervisor is on. Skipped (exit code 77) where Slurm is not installed.

    train_test.py CELERE
"""
import json
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools" / "slurm"))
import cluster as slurm  # noqa: E402
import job_text  # noqa: E402

STEPS, SAVE_EVERY, DEATH = 1500, 100, 450   # the node dies as soon as step DEATH is seen
RUN = """
[run]
name = "tiny"
[model]
layers = 2
hidden = 32
ffn = 64
vocab = 400
attention = { heads = 4, kv_heads = 2, head_dim = 8 }
[train]
tokens = "TOKENS tokens"
sequence = 16
batch = "6 sequences"
precision = "fp32"
[schedule]
learning_rate = 0.01
warmup = "2 steps"
[layout]
micro_batch = 2
dp = 3
[checkpoint]
every = "SAVE_EVERY steps"
keep = 100
[recovery]
spares = 1
ranks_per_node = 1
on_lost_replica = "roll back"
resize = false
[cluster]
use = "eos-h100"
[data]
folder = "FOLDER/corpus"
packing = "whole"
loss = "answers"
validation = 0.2
tokenizer = { kind = "bpe", vocab = 400 }
[[data.sources]]
name = "facts"
kind = "jsonl"
files = ["FOLDER/facts.jsonl"]
question = "q"
answer = "a"
"""


def written_run(folder):
    folder.mkdir()
    (folder / "facts.jsonl").write_text("".join(
        json.dumps({"q": f"What is number {i}?", "a": f"It is {i * 7 % 13} and {i * 5 % 11}."}) + "\n" for i in range(200)))
    text = RUN.replace("FOLDER", str(folder)).replace("TOKENS", str(STEPS * 6 * 16)).replace("SAVE_EVERY", str(SAVE_EVERY))
    (folder / "run.toml").write_text(text)
    return folder / "run.toml"


def committed(run):
    return sorted(path.parent.name for path in run.glob("checkpoints/step-*/manifest.json"))


def weights(run):
    """The checksum of every shard of the last step."""
    manifest = json.loads((run / "checkpoints" / f"step-{STEPS:09d}" / "manifest.json").read_text())
    return {file["name"]: file["xxh3_128"] for file in manifest["files"]}


def nodes_at_work(run):
    """Of the last start: the numbers of the nodes that have ranks; others are spares."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines() if line.endswith("}")]
    return [int(number) for number in [event for event in events if event.get("action") == "start"][-1]["on_nodes"].split(",")]


def steps_seen(run):
    path = run / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line)["step"] for line in text.splitlines() if line.endswith("}")]


class TestTraining(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(slurm.Cluster(nodes=4))
        cls.folder = pathlib.Path(cls.cluster.folder) / "training"
        cls.file = written_run(cls.folder)
        subprocess.run([celere, "train", cls.file, "--runs", cls.folder / "undisturbed", "--oversubscribe", "--threads", "1"],
                       check=True, capture_output=True, timeout=300)
        cls.right = weights(cls.folder / "undisturbed" / "tiny")

    def submit(self):
        self.place = self.folder / self.id().rpartition(".")[2]
        self.place.mkdir()
        self.run_folder = self.place / "runs" / "tiny"
        text = job_text.written(celere, self.file, self.place, "--nodes", "4", "--threads", "1")
        # A node's own folder is on its own disk, which goes with it.
        text = job_text.with_settings(text, node_folder=f"{self.cluster.folder}/node")
        text = job_text.with_directives(text, f"--output={self.place}/log", "--nodes=3-4")
        (self.place / "job.sh").write_text(text)
        self.job = self.cluster.run(["sbatch", "--parsable", self.place / "job.sh"],
                                    env={"CELERE_SLURM_WATCH_S": "2"}).stdout.strip()
        self.addCleanup(self.end)

    def end(self):
        if self._outcome.result.failures or self._outcome.result.errors:
            print(self.log())
        self.cluster.run(["scancel", self.job], check=False)
        for name in self.cluster.nodes:
            if name not in self.cluster.daemons:
                self.cluster.start_node(name)
        self.cluster.until("all nodes are idle again", lambda: set(self.cluster.states().values()) == {"IDLE"})
        shutil.rmtree(self.place)

    def log(self):
        return "".join(path.read_text()[-6000:] for path in (self.place / "log", self.run_folder / "events.jsonl")
                       if path.exists())

    def until_step(self, step):
        def there():
            state = self.cluster.job(self.job)["JobState"]
            if state not in ("PENDING", "RUNNING", "COMPLETING"):
                raise RuntimeError(f"the job is {state}: {self.log()}")
            return max(steps_seen(self.run_folder), default=0) >= step
        self.cluster.until(f"step {step} is done", there, timeout=120)

    def ends_right(self, before):
        """`before`: what was committed when the node died."""
        state = self.cluster.wait_for_job(self.job, ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"], timeout=300)
        self.assertEqual((state["JobState"], state["ExitCode"]), ("COMPLETED", "0:0"), self.log())
        self.assertEqual(weights(self.run_folder), self.right)
        self.assertLessEqual(set(before), set(committed(self.run_folder)), "a committed step is lost")
        # Nothing is done again that was committed: after the death it goes on behind the last one, or a later one.
        steps = steps_seen(self.run_folder)
        again = [now for last, now in zip(steps, steps[1:]) if now <= last]
        self.assertEqual(len(again), 1, f"went back to {again}")
        self.assertGreater(again[0], int(before[-1].removeprefix("step-")))

    def test_a_node_dies(self):
        self.submit()
        self.until_step(DEATH)
        before = committed(self.run_folder)
        self.cluster.kill_node(f"n{nodes_at_work(self.run_folder)[-1]}")   # the first node is the supervisor's
        self.ends_right(before)
        self.assertEqual(self.cluster.job(self.job)["Restarts"], "0")

    def test_the_node_of_the_supervisor_dies(self):
        self.submit()
        self.until_step(DEATH)
        before = committed(self.run_folder)
        self.cluster.kill_node(self.cluster.job(self.job)["BatchHost"])
        self.cluster.start_again(self.job)
        self.ends_right(before)
        self.assertEqual(self.cluster.job(self.job)["Restarts"], "1")


if __name__ == "__main__":
    if slurm.why_not():
        print(f"skipped: {slurm.why_not()}")
        sys.exit(77)
    celere = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
