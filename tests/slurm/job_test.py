#!/usr/bin/env python3
"""The sbatch file that celere writes, under a real Slurm: with programs in place of the supervisor and the agents that say what
they are and what signals they get, and nodes, processes and time limits that end as they do. Skipped (exit code 77) where Slurm is
not installed.

    job_test.py CELERE
"""
import os
import pathlib
import shlex
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools" / "slurm"))
import cluster as slurm  # noqa: E402
import job_text  # noqa: E402

RUN = """
[run]
name = "job"
[model]
layers = 2
hidden = 32
ffn = 64
vocab = 400
attention = { heads = 4, kv_heads = 2, head_dim = 8 }
[train]
tokens = "960 tokens"
sequence = 16
batch = "6 sequences"
precision = "fp32"
[layout]
dp = 3
[recovery]
spares = 1
ranks_per_node = 1
[cluster]
use = "eos-h100"
[data]
folder = "FOLDER/corpus"
tokenizer = { kind = "bpe", vocab = 400 }
[[data.sources]]
name = "facts"
kind = "text"
files = ["FOLDER/facts.txt"]
"""
# `supervise` ends with 0 as soon as there is a file `go`, and with 3 half a second after SIGTERM, and tells the agents to leave.
# They do, with 0; and half a second after SIGTERM.
STUB = """#!/usr/bin/env python3
import os, pathlib, signal, sys, time
folder, who, terms = pathlib.Path(__file__).parent, sys.argv[1], []
def say(what):
    with open(folder / "said", "a") as out:
        print(what, who, os.environ["SLURMD_NODENAME"], os.getpid(), *sys.argv[2:], file=out)
signal.signal(signal.SIGTERM, lambda *_: (terms.append(time.monotonic()), say("TERM")))
say("start")
for _ in range(3000):
    time.sleep(0.1)
    if terms and time.monotonic() > terms[0] + 0.5:
        if who == "agent":
            sys.exit(0)
        (folder / "left").touch()
        sys.exit(3)
    if (folder / "go").exists() or (who == "agent" and (folder / "left").exists()):
        sys.exit(0)
"""
STARTED = 5   # agents on four nodes, and the supervisor


class TestJob(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(slurm.Cluster(nodes=4))
        folder = pathlib.Path(cls.cluster.folder) / "file"
        folder.mkdir()
        (folder / "facts.txt").write_text("".join(f"Number {i} is {i * 7 % 13}.\n" for i in range(2000)))
        (folder / "run.toml").write_text(RUN.replace("FOLDER", str(folder)))
        cls.text = job_text.written(celere, folder / "run.toml", folder, "--nodes", "4")

    def submit(self, *directives, nodes="4", watch="20"):
        """Started, in a folder whose name is hard to quote. On four nodes, though it would start on three: Slurm's main scheduler
        sometimes gives the least number where more are idle, its backfill scheduler gives all."""
        self.folder = pathlib.Path(self.cluster.folder) / f"it's \"{self.id().rpartition('.')[2]}\" #1 $HOME"
        self.folder.mkdir()
        (self.folder / "celere").write_text(STUB)
        (self.folder / "celere").chmod(0o755)
        text = job_text.with_settings(self.text, celere=shlex.quote(f"{self.folder}/celere"), supervisor="(supervise)",
                                      agent="(agent)", node_folder=shlex.quote(f"{self.folder}/node"),
                                      nodes_file=shlex.quote(f"{self.folder}/nodes"))
        log = f"{self.folder}/log".replace('"', '\\"')
        text = job_text.with_directives(text, f'--output="{log}"', f"--nodes={nodes}", *directives)
        (self.folder / "job.sh").write_text(text)
        self.job = self.cluster.run(["sbatch", "--parsable", self.folder / "job.sh"],
                                    env={"CELERE_SLURM_WATCH_S": watch}).stdout.strip()
        self.addCleanup(self.until_idle)
        self.cluster.wait_for_job(self.job, ["RUNNING"])
        self.until_started(1 + int(self.cluster.job(self.job)["NumNodes"]))

    def until_idle(self):
        self.cluster.run(["scancel", self.job], check=False)
        for name in self.cluster.nodes:
            if name not in self.cluster.daemons:
                self.cluster.start_node(name)
        self.cluster.until("all nodes are idle again", lambda: set(self.cluster.states().values()) == {"IDLE"})

    def said(self, what, who=""):
        path = self.folder / "said"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split() for line in lines if line.startswith(f"{what} {who}")]

    def until_started(self, count):
        try:
            self.cluster.until(f"{count} programs have started", lambda: len(self.said("start")) >= count)
        except TimeoutError as late:
            raise TimeoutError(f"{late}: {self.cluster.job(self.job)}, {self.said('start')}") from None

    def ends(self, *states):
        return self.cluster.wait_for_job(self.job, states)["ExitCode"]

    def go(self):
        (self.folder / "go").touch()

    def test_ends_with_the_supervisors_code(self):
        self.submit()
        self.go()
        began = time.monotonic()
        self.assertEqual(self.ends("COMPLETED", "FAILED"), "0:0")
        self.assertLess(time.monotonic() - began, 9, "something of it stayed behind: Slurm had to end it")
        agents = sorted((line[2], line[5]) for line in self.said("start", "agent"))
        self.assertEqual(agents, [("n0", "0"), ("n1", "1"), ("n2", "2"), ("n3", "3")])
        self.assertEqual(len(self.said("start", "supervise")), 1)

    def test_a_node_dies_and_nobody_else_notices(self):
        self.submit()
        self.cluster.kill_node("n1")
        self.cluster.say_down("n1")
        self.go()
        self.assertEqual(self.ends("COMPLETED", "FAILED"), "0:0")
        self.assertEqual((len(self.said("start")), len(self.said("TERM"))), (STARTED, 0))

    def test_its_first_node_dies_and_it_starts_again_on_the_others(self):
        self.submit(nodes="3-4", watch="1")
        before = len(self.said("start", "agent"))
        self.cluster.kill_node(first := self.said("start", "supervise")[0][2])
        self.cluster.say_down(first)
        self.cluster.start_again(self.job)
        self.until_started(before + 1 + 4)
        self.go()
        self.assertEqual(self.ends("COMPLETED", "FAILED"), "0:0")
        again = sorted((line[2], line[5]) for line in self.said("start", "agent")[before:])
        left = [name for name in self.cluster.nodes if name != first]
        self.assertEqual(again, list(zip(left, ("0", "1", "2"))))

    def test_what_is_killed_is_started_again(self):
        self.submit()
        for who in ("agent n2", "supervise"):
            os.kill(int(self.said("start", who)[0][3]), signal.SIGKILL)
        self.until_started(STARTED + 2)
        self.go()
        self.assertEqual(self.ends("COMPLETED", "FAILED"), "0:0")
        self.assertEqual(self.said("start", "agent n2")[1][5], "2")

    def test_before_the_time_limit_it_stops_and_is_queued_again(self):
        self.submit("--time=1", "--signal=B:TERM@50")
        self.ends("PENDING")
        self.assertEqual(len(self.said("TERM", "supervise")), 1)

    def test_it_makes_way_and_is_queued_again(self):
        self.submit()
        other = self.cluster.submit("--nodes=2", "--partition=high", "--output=/dev/null", "--wrap=true")
        self.ends("PENDING")
        self.cluster.wait_for_job(other, ["COMPLETED"])
        self.assertEqual(len(self.said("TERM", "supervise")), 1)

    def test_what_is_cancelled_stays_so(self):
        self.submit()
        self.cluster.run(["scancel", self.job])
        self.ends("CANCELLED")
        self.assertGreaterEqual(len(self.said("TERM", "supervise")), 1)

    def test_asked_to_stop_it_stops_for_good(self):
        self.submit()
        self.cluster.run(["scancel", "--batch", "--signal=INT", self.job])
        self.assertEqual(self.ends("FAILED", "COMPLETED", "PENDING"), "3:0")


if __name__ == "__main__":
    if slurm.why_not():
        print(f"skipped: {slurm.why_not()}")
        sys.exit(77)
    celere = sys.argv.pop(1)
    unittest.main(verbosity=2)
