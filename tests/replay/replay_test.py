#!/usr/bin/env python3
"""Trainings of the fault soak are replayed: the same recovery decides the same, and a simulated life takes the same course.

  replay_test.py BUILD [--trainings N] [--seed K] [--logs FOLDER]

N trainings with faults are run (tests/soak), or those whose run directories lie in FOLDER are taken. Then, from events.jsonl alone:

  every decision is made again      all that recovery was told is told again, and it decides what stands in the log, word for word
  a life takes the same course      the faults of the log strike a simulated training on the times that were measured in it: the same
                                    is ordered in the same order, and takes as long
  and so on the times of others     that were measured in the other trainings alone

The first has no exceptions. Of the others a share must hold: two cores are shared by all that runs on them, and where a node comes
back in the same moment in which a checkpoint is committed, either may be first.
"""
import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "soak"))
import soak  # noqa: E402

FAULTS = 8              # of a training
NEAR = 0.25             # a simulated duration is within this of the real one
AGREE_MIN = 0.6         # share of the trainings that take the same course
# Share of the durations that are near, and the median of the errors without their sign: on the times of the training itself, where of
# a kind that came once the time is its own, and on those of the others, which may have run while the machine was three times as busy.
OWN = {"near_min": 0.55, "median_max": 0.2}
OTHERS = {"near_min": 0.3, "median_max": 0.4}


class Trainings(soak.Soak):
    """What a training ends with is for the soak to judge; here it must end."""

    def judge(self, name, expected, code, errors):
        if code != 0 or expected.ended is None or expected.ended.get("how") != "done":
            self.fail(name, f"it did not finish: exit code {code}, {expected.ended}, {errors}")


def errors(lives, times):
    """Of each duration: the simulated one against the real one."""
    return [simulated / real - 1 for life in lives for real, simulated in times(life) if real > 0]


def interruptions(life):
    return [(one["real_s"], one["simulated_s"]) for one in life["interruptions"]]


def whole(life):
    return [(life["real_time_s"], life["simulated_time_s"])]


def said(name, values):
    if not values:
        print(f"  {name}: none")
        return
    sizes = sorted(abs(value) for value in values)
    print(f"  {name}: {len(sizes)}, median {statistics.median(values):+.0%}; without sign median {statistics.median(sizes):.0%}, "
          f"90 % up to {sizes[int(0.9 * (len(sizes) - 1))]:.0%}, largest {sizes[-1]:.0%}; "
          f"{sum(size <= NEAR for size in sizes) / len(sizes):.0%} within {NEAR:.0%}", flush=True)


class Judge:
    def __init__(self):
        self.wrong = []

    def check(self, good, what):
        if not good:
            self.wrong.append(what)

    def decisions(self, runs):
        for run in runs:
            it = run["decisions"]
            self.check(it["agrees"], f"{run['run']}: recovery decides otherwise: {it.get('parting')}")
        total = {key: sum(run["decisions"][key] for run in runs) for key in ("told", "decisions", "supervisors", "forgotten")}
        print(f"decisions: {total['told']} events told, {total['decisions']} decisions made again by {total['supervisors']} supervisors "
              f"({total['forgotten']} events that one did not live to remember)", flush=True)
        self.check(total["decisions"] >= 3 * len(runs), "hardly anything was decided")

    def lives(self, name, lives, near_min, median_max):
        agree = sum(life["agrees"] for life in lives)
        print(f"{name}: {sum(life['struck'] for life in lives)} faults struck, {agree} of {len(lives)} trainings take the same course; "
              f"starts begin at most {max(life['from_apart_max_steps'] for life in lives)} steps apart", flush=True)
        self.check(agree >= AGREE_MIN * len(lives), f"{name}: {len(lives) - agree} of {len(lives)} take another course")
        for what, times in (("interruptions", interruptions), ("to the end", whole)):
            values = errors(lives, times)
            said(what, values)
            self.check(len(values) >= len(lives) // 2, f"{name}: {what}: too few to judge")
            if not values:
                continue
            sizes = [abs(value) for value in values]
            near = sum(size <= NEAR for size in sizes) / len(sizes)
            self.check(near >= near_min, f"{name}: {what}: {near:.0%} are within {NEAR:.0%}")
            self.check(statistics.median(sizes) <= median_max, f"{name}: {what}: the median error is {statistics.median(sizes):.0%}")


def show_parted(run):
    life = run["life"]
    if life["agrees"]:
        return
    print(f"{run['run']}: takes another course")
    for i in range(max(len(life["real"]), len(life["simulated"]))):
        real = life["real"][i] if i < len(life["real"]) else ""
        simulated = life["simulated"][i] if i < len(life["simulated"]) else ""
        print(f"  {real:50} {simulated}")


def replay(build, folders):
    result = subprocess.run([build / "replay_runs", *folders], capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        sys.exit(result.stderr)
    runs = [json.loads(line) for line in result.stdout.splitlines()]
    if not runs:
        sys.exit("there is no training to replay")
    for run in runs:
        show_parted(run)
    judge = Judge()
    judge.decisions(runs)
    judge.lives("on its own times", [run["life"] for run in runs], **OWN)
    if len(runs) > 1:
        judge.lives("on the times of the others", [run["life_on_times_of_others"] for run in runs], **OTHERS)
    return judge.wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--trainings", type=int, default=8)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--logs", type=pathlib.Path, default=None)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    if not (build / "celere-worker").exists():
        print("skipped: celere-worker is not built")
        sys.exit(77)
    if arguments.logs:
        wrong = replay(build, sorted(path.parent for path in arguments.logs.glob("*/events.jsonl")))
        sys.exit("\n".join(wrong) or 0)
    seed = arguments.seed if arguments.seed is not None else random.randrange(10**6)
    print(f"--seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="celere-replay-", ignore_cleanup_errors=True) as folder:
        os.environ["XDG_CONFIG_HOME"] = folder + "/config"  # what a user measured is not ours
        trainings = Trainings(build, pathlib.Path(folder), seed)
        names = [f"soak-{number}" for number in range(1, arguments.trainings + 1)]
        for name in names:
            trainings.train(name, FAULTS)
        wrong = replay(build, [pathlib.Path(folder) / "runs" / name for name in names])
        if wrong:
            trainings.fail("the replay", "\n".join(wrong))


if __name__ == "__main__":
    main()
