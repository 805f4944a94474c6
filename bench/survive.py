#!/usr/bin/env python3
"""How long a training takes to notice, to recover, and what being watched costs. ./dev bench --survive runs this.

    worker      killed, in turns: from the kill to the supervisor's knowing, and to the next training step
    agent       the same for the agent of a node, which takes its workers along
    hang        a stopped rank: from the last step to the report, beyond the deadline
    lost        one of two replicas killed, the other goes on: to its next step
    supervision processor time of front, supervisor and agents beside that of the workers
    straggler   a rank that computes 1.15 times as long: after how many steps it is named; and alarms in healthy steps

Alone on the machine, or the figures are another program's.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEADLINE_S = 3.0


def time_of(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def processor_s(process):
    """User and system time of a process that lives; None where it does not."""
    try:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, build, folder):
        self.build, self.folder, self.count = build, folder, 0
        (folder / "examples").symlink_to(ROOT / "examples")
        self.environment = os.environ | {"XDG_CONFIG_HOME": str(folder / "config")}

    def train(self, scenario, steps, layout="dp=2", recovery="", seen=None):
        """The events of a training of the quickstart's model; `seen(process)` is called now and then."""
        self.count += 1
        name = f"survive-{self.count}"
        text = (ROOT / "examples" / "quickstart.toml").read_text().replace('name = "quickstart"', f'name = "{name}"', 1)
        text = re.sub(r'every = ".*"', 'every = "20 steps"', text)
        text += f'\n[recovery]\nranks_per_node = 1\nstep_deadline = "{DEADLINE_S} s"\nnode_failures = 1000\nskips = 0\n{recovery}\n'
        run, faults = self.folder / f"{name}.toml", self.folder / f"{name}.faults.toml"
        run.write_text(text)
        command = [self.build / "celere", "train", run, "--layout", layout, "--stop-after", str(steps), "--json"]
        if scenario:
            faults.write_text('[scenario]\nname = "bench"\nseed = 1\n' + scenario)
            command += ["--faults", faults]
        process = subprocess.Popen([str(part) for part in command], cwd=self.folder, env=self.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while process.poll() is None:
            if seen:
                seen(process.pid, self.folder / "runs" / name)
            time.sleep(0.2)
        if process.returncode != 0:
            raise SystemExit(process.stderr.read()[-2000:])
        return [json.loads(line) for line in (self.folder / "runs" / name / "events.jsonl").read_text().splitlines()]


def after(events, first, name):
    """Seconds from each event `first` to the next event `name`."""
    out = []
    for i, event in enumerate(events):
        if event["event"] != first:
            continue
        for later in events[i:]:
            if later["event"] == name:
                out.append(time_of(later) - time_of(event))
                break
    return out


def faults(kind, steps, more=""):
    return "".join(f'[[fault]]\nkind = "{kind}"\nat_step = {step}\n{more}' for step in steps)


def shown(values):
    return f"median {statistics.median(values):.3f} s, most {max(values):.3f} s of {len(values)}"


def recovery(bench):
    steps = [30, 70, 110, 150]
    events = bench.train(faults("kill_worker", steps), 200)
    print(f"worker killed: noticed {shown(after(events, 'fault', 'worker_ended'))}; next training step "
          f"{shown([event['time_s'] for event in events if event['event'] == 'recovered'])}")
    events = bench.train(faults("kill_agent", steps), 200)
    print(f"agent killed: noticed {shown(after(events, 'fault', 'node_gone'))}; next training step "
          f"{shown([event['time_s'] for event in events if event['event'] == 'recovered'])}")
    events = bench.train(faults("hang", steps[:3]), 160)
    late = [event["waited_s"] - DEADLINE_S for event in events if event["event"] == "hang"]
    print(f"rank stopped: reported beyond the deadline of {DEADLINE_S:.0f} s {shown(late)}; next training step after the report "
          f"{shown([event['time_s'] for event in events if event['event'] == 'recovered'])}")
    named = [event["absent_ranks"] for event in events if event["event"] == "hang"]
    hit = [str(event["rank"]) for event in events if event["event"] == "fault"]
    print(f"  named {named}, stopped were {hit}")
    events = bench.train(faults("kill_worker", [40, 120]), 200, recovery='on_lost_replica = "continue"')
    print(f"replica lost, the other goes on: its next step {shown([e['time_s'] for e in events if e['event'] == 'recovered'])}; "
          f"steps done again {sum(e['steps_again'] for e in events if e['event'] == 'recovered')}")


def supervision(bench):
    first, last = {}, {}

    def seen(front, run):
        try:
            status = json.loads((run / "status.json").read_text())
        except (OSError, ValueError):
            return
        agents = subprocess.run(["pgrep", "-f", f"celere agent --run-directory runs/{run.name} "], capture_output=True, text=True)
        watchers = [front, status["process"], *map(int, agents.stdout.split())]
        times = [[processor_s(one) for one in group]
                 for group in (watchers, [rank["process"] for rank in status["ranks"]])]
        if all(value is not None for group in times for value in group) and len(watchers) == 4 and times[1]:
            last["watch"], last["work"] = map(sum, times)
            if status["step"] > 0 and not first:  # what came before was the corpus
                first.update(last)

    bench.train("", 400, seen=seen)
    watch, work = (last[key] - first[key] for key in ("watch", "work"))
    print(f"supervision: {watch:.2f} s of processor time beside {work:.2f} s of the workers: {100 * watch / work:.2f} %")


def straggler(bench):
    events = bench.train("", 1000)
    alarms = [event for event in events if event["event"] == "straggler"]
    print(f"straggler: {len(alarms)} alarms in 1,000 healthy steps {[(a['step'], round(a['factor'], 2)) for a in alarms]}")
    for rank in (0, 1):
        events = bench.train(f'[[fault]]\nkind = "slow"\nrank = {rank}\nfactor = 1.15\nat_step = 100\n', 200)
        alarms = [event for event in events if event["event"] == "straggler"]
        print(f"  rank {rank} 1.15 times as slow from step 100 on: "
              f"{[(a['rank'], a['step'], round(a['factor'], 2)) for a in alarms] or 'not named in 100 steps'}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("parts", nargs="*", choices=["recovery", "supervision", "straggler", []])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="celere-survive-", ignore_cleanup_errors=True) as folder:
        bench = Bench(arguments.build.resolve(), pathlib.Path(folder))
        for part in arguments.parts or ["recovery", "supervision", "straggler"]:
            globals()[part](bench)


if __name__ == "__main__":
    main()
