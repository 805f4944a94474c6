#!/usr/bin/env python3
"""What a step of a training took, beside what the planner says of its layout on this machine.

  predicted.py CELERE RUN_DIRECTORY

The plan is of the cluster this-machine-cores, which `celere train` measured before the training began.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile


def main():
    celere, run = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    layout = [event["layout"] for event in events if event["event"] == "started"][-1]
    steps = [json.loads(line)["step_time_s"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    measured = statistics.median(steps)
    text = (run / "run.toml").read_text()
    many = "tp=1,pp=1,dp=1," not in layout
    if many:
        text = text.replace('use = "this-machine"', 'use = "this-machine-cores"')
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "run.toml"
        file.write_text(text)
        answer = subprocess.run([celere, "plan", file, "--layout", layout, "--json"], capture_output=True, text=True)
    best = json.loads(answer.stdout)["best"] if answer.returncode == 0 else []
    if not best:
        print(f"a step took {measured * 1e3:.1f} ms; no plan of {layout}: {answer.stderr.strip() or 'it is infeasible'}")
        return
    predicted = best[0]["step_time_s"]
    print(f"a step of {layout.split(',micro')[0]}: predicted {predicted * 1e3:.1f} ms, measured {measured * 1e3:.1f} ms (median): "
          f"{measured / predicted:.2f} times as long")


if __name__ == "__main__":
    main()
