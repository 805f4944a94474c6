#!/usr/bin/env python3
"""What `celere train RUN --slurm FILE` writes, says and refuses. No Slurm is needed.

    file_test.py CELERE
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from train_test import RUN

NAME = 'it\'s "$HOME" #1'   # a folder that is hard to quote


class TestFile(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="celere-slurm-file-"))).resolve() / NAME
        self.folder.mkdir()
        lines = [json.dumps({"q": f"What is number {i}?", "a": f"It is {i * 7 % 13}."}) + "\n" for i in range(200)]
        (self.folder / "facts.jsonl").write_text("".join(lines))
        self.write()

    def write(self, **changes):
        text = RUN.replace("FOLDER/", "").replace("TOKENS", str(60 * 16)).replace("SAVE_EVERY", "5")
        for key, value in changes.items():
            text, count = re.subn(rf"^{key} = .*\n", "" if value is None else f"{key} = {value}\n", text, flags=re.M)
            assert count == 1, key
        (self.folder / "run.toml").write_text(text)

    def celere(self, *flags):
        """In the folder, with relative paths."""
        return subprocess.run([celere, "train", "run.toml", "--slurm", "job.sh", *flags], cwd=self.folder, text=True,
                              capture_output=True, timeout=120)

    def job(self, *flags):
        answer = self.celere("--json", *flags)
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        self.text = (self.folder / "job.sh").read_text()
        self.directives = [line.removeprefix("#SBATCH ") for line in self.text.splitlines() if line.startswith("#SBATCH ")]
        return json.loads(answer.stdout)

    def settings(self):
        """The words of the arrays in it, as bash reads them. Slurm's part comes behind `set -u`."""
        script = self.text.partition("\nset -u")[0] + '\nprintf "%s\\n" "$celere" "${supervisor[@]}" -- "${agent[@]}"'
        words = subprocess.run(["bash", "-c", script], text=True, check=True, capture_output=True).stdout.splitlines()
        at = words.index("--")
        return words[0], words[1:at], words[at + 1:]

    def test_paths_are_absolute_and_nothing_is_trained(self):
        said = self.job("--slurm-interface", "ib0", "--layout", "micro_batch=1", "--threads", "2")
        run = str(self.folder / "runs" / "tiny")
        self.assertEqual(said, {"kind": "slurm", "file": f"{self.folder}/job.sh", "run_directory": run, "log": f"{run}/slurm.log",
                                "nodes": 3, "spares": 1, "gpus_per_node": 1})
        program, supervisor, agent = self.settings()
        self.assertEqual(program, str(pathlib.Path(celere).resolve()))
        self.assertEqual(supervisor, ["supervise", "--run-directory", run, "--corpus", f"{self.folder}/corpus",
                                      "--agents-elsewhere", "--nodes", "4", "--layout", "micro_batch=1", "--threads", "2"])
        self.assertEqual(agent, ["agent", "--run-directory", run, "--notice", "120"])
        self.assertTrue((self.folder / "corpus").is_dir() and pathlib.Path(run, "run.toml").exists())
        self.assertEqual(list(pathlib.Path(run).glob("checkpoints/*")) + list(pathlib.Path(run).glob("*.jsonl")), [])

    def test_asks_slurm_for_what_the_flags_say(self):
        self.job("--slurm-interface", "ib0", "--slurm-time", "36 h", "--slurm-partition", "h100", "--slurm-account", "lab",
                 "--slurm-notice", "5 min", "--slurm-gpus", "0", "--slurm-directive=--constraint=ib", "--slurm-line", "module load x")
        for directive in ("--nodes=3-4", "--time=1-12:00:00", "--partition=h100", "--account=lab", "--signal=B:TERM@300",
                          "--constraint=ib"):
            self.assertIn(directive, self.directives)
        self.assertFalse([each for each in self.directives if "gpus" in each])
        self.assertIn("\nmodule load x\n", self.text)

    def test_a_node_has_as_many_ranks_as_gpus(self):
        # 12 replicas on nodes of 8 GPUs (eos-h100): two nodes. Nine spare GPUs: two more.
        self.write(ranks_per_node=None, spares="9", dp="12", batch='"24 sequences"', tokens='"3840 tokens"')
        said = self.job("--slurm-interface", "ib0")
        self.assertEqual((said["nodes"], said["spares"], said["gpus_per_node"]), (2, 2, 8))
        self.assertEqual(self.settings()[1][-2:], ["--nodes", "4"])

    def test_one_node_needs_no_network(self):
        said = self.job("--layout", "dp=1", "--nodes", "1")
        self.assertEqual((said["nodes"], said["spares"]), (1, 0))
        self.assertIn("\ninterface=lo\n", self.text)

    def test_says_what_to_do_next(self):
        answer = self.celere("--slurm-interface", "ib0")
        quoted = str(self.folder).replace("'", "'\\''")
        self.assertIn(f"  sbatch '{quoted}/job.sh'\n", answer.stdout)
        self.assertIn(f"  celere status '{quoted}/runs/tiny'\n", answer.stdout)

    def test_refuses_what_cannot_be(self):
        for flags, what in ([[], "--slurm-interface is missing"],
                            [["--slurm-interface", "ib0", "--slurm-time", "5"], '--slurm-time: "5" has no unit'],
                            [["--slurm-interface", "ib0", "--nodes", "2"], "need 3 nodes"],
                            [["--slurm-interface", "ib0", "--layout", "dp=4"], "dp * micro_batch = 4 * 2"],
                            [["--slurm-interface", "ib0", "--slurm-partition", "a b"], 'the partition "a b"'],
                            [["--slurm-interface", "ib0", "--resume"], "excludes --slurm"]):
            answer = self.celere(*flags)
            self.assertEqual((answer.returncode, answer.stdout), (2, ""), flags)
            self.assertIn(what, answer.stderr)
            self.assertFalse((self.folder / "job.sh").exists())


if __name__ == "__main__":
    celere = sys.argv.pop(1)
    unittest.main(verbosity=2)
