#!/usr/bin/env python3
"""The private Slurm cluster of tools/slurm does what the tests of trainings rely on: jobs run over its nodes, a node that is
killed is noticed and its job goes on or is queued again, notices come, and nothing is left behind. Skipped (exit code 77) where
Slurm is not installed."""
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools" / "slurm"))
import cluster as slurm  # noqa: E402

# A job that says when it starts and what signals it gets, in lines of a file; its tasks run until a file is there.
JOB = """#!/bin/bash
echo "start ${{SLURM_RESTART_COUNT:-0}} $(scontrol show hostnames | xargs)" >>{said}
trap 'echo "TERM $(squeue -h -j $SLURM_JOB_ID -o %T)" >>{said}; [ -z "{on_term}" ] || {{ {on_term}; }}' TERM
srun --no-kill --kill-on-bad-exit=0 --wait=0 bash -c '
  setsid sleep 1000 & echo "task $SLURMD_NODENAME $!" >>{said}
  until [ -e {go} ]; do sleep 0.1; done; kill $!' &
wait $!; while kill -0 $! 2>/dev/null; do wait $!; done
echo end >>{said}
"""


class TestCluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(slurm.Cluster(nodes=4))

    def setUp(self):
        folder = pathlib.Path(self.cluster.folder) / self.id().rpartition(".")[2]
        folder.mkdir()
        self.folder, self.said, self.go = folder, folder / "said", folder / "go"

    def submit(self, *flags, on_term="true"):
        (self.folder / "job.sh").write_text(JOB.format(said=self.said, go=self.go, on_term=on_term))
        self.said.touch()
        self.job = self.cluster.submit(*flags, "--exclusive", f"--output={self.folder}/out", "--open-mode=append",
                                       str(self.folder / "job.sh"))
        self.addCleanup(self.cluster.run, ["scancel", self.job], check=False)

    def lines(self, beginning=""):
        return [line for line in self.said.read_text().splitlines() if line.startswith(beginning)]

    def until_tasks(self, count):
        self.cluster.until(f"{count} tasks run", lambda: len(self.lines("task")) >= count)

    def test_a_job_runs_over_three_nodes(self):
        self.submit("--nodes=3", "--ntasks-per-node=1")
        self.until_tasks(3)
        self.go.touch()
        self.cluster.wait_for_job(self.job, ["COMPLETED"])
        self.assertEqual(self.lines("start"), ["start 0 n0 n1 n2"])
        self.assertEqual(sorted(line.split()[1] for line in self.lines("task")), ["n0", "n1", "n2"])

    def test_a_node_dies_and_the_job_goes_on(self):
        self.submit("--nodes=3", "--ntasks-per-node=1", "--no-kill")
        self.until_tasks(3)
        local = pathlib.Path(self.cluster.local_folder("n1"))
        (local / "file").write_text("on the node's own disk")
        there = {line.split()[1]: int(line.split()[2]) for line in self.lines("task")}
        self.cluster.kill_node("n1")
        self.assertFalse(alive(there["n1"]), "a process of the dead node lives, though in a session of its own")
        self.assertTrue(alive(there["n0"]) and alive(there["n2"]))
        self.assertFalse(local.exists())
        began = time.monotonic()
        self.cluster.until("n1 is down", lambda: self.cluster.states()["n1"] == "DOWN")
        print(f"Slurm noticed the dead node after {time.monotonic() - began:.1f} s")
        self.assertEqual(self.cluster.job(self.job)["NodeList"], "n[0,2]")
        self.go.touch()
        self.cluster.wait_for_job(self.job, ["COMPLETED"])
        self.assertEqual(len(self.lines("start")), 1)
        self.cluster.start_node("n1")
        self.cluster.until("n1 is back", lambda: self.cluster.states()["n1"] == "IDLE")

    def test_without_no_kill_the_job_is_queued_again(self):
        self.submit("--nodes=3", "--ntasks-per-node=1", "--requeue")
        self.until_tasks(3)
        self.cluster.kill_node("n1")
        self.cluster.say_down("n1")
        self.cluster.start_again(self.job)
        self.until_tasks(6)
        self.go.touch()
        self.cluster.wait_for_job(self.job, ["COMPLETED"])
        self.assertEqual(self.lines("start"), ["start 0 n0 n1 n2", "start 1 n0 n2 n3"])
        self.cluster.start_node("n1")
        self.cluster.until("n1 is back", lambda: self.cluster.states()["n1"] == "IDLE")

    def test_preemption_gives_notice_and_the_job_comes_back(self):
        self.submit("--nodes=4", "--ntasks-per-node=1", "--requeue", "--signal=B:TERM@50",
                    on_term="scontrol requeue $SLURM_JOB_ID")
        self.until_tasks(4)
        other = self.cluster.submit("--nodes=2", "--partition=high", f"--output={self.folder}/other", "--wrap=true")
        self.cluster.wait_for_job(other, ["COMPLETED"])
        self.assertIn(self.lines("TERM")[0], ["TERM SIGNALING", "TERM RUNNING"])
        self.cluster.start_again(self.job)
        self.until_tasks(8)
        self.go.touch()
        self.cluster.wait_for_job(self.job, ["COMPLETED"])
        self.assertEqual([line.split()[1] for line in self.lines("start")], ["0", "1"])


class TestEnd(unittest.TestCase):
    def test_nothing_is_left_even_after_kill_9(self):
        script = "echo $CELERE_SLURM_CLUSTER; srun -N2 --output=/dev/null setsid sleep 1000"
        process = subprocess.Popen([sys.executable, slurm.__file__, "--nodes", "2", "bash", "-c", script],
                                   stdout=subprocess.PIPE, text=True)
        folder = process.stdout.readline().strip()
        process.stdout.close()
        deadline = time.monotonic() + 30
        while not any(b"sleep\x001000" in command(who) for who in slurm.marked(folder)):
            self.assertLess(time.monotonic(), deadline, "the job did not start")
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        while slurm.marked(folder) or pathlib.Path(folder).exists():
            self.assertLess(time.monotonic(), deadline, f"left behind: {slurm.marked(folder)}")
            time.sleep(0.1)


def command(process):
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def alive(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    if slurm.why_not():
        print(f"skipped: {slurm.why_not()}")
        sys.exit(77)
    unittest.main(verbosity=2)
