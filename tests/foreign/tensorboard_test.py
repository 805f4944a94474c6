"""The event files of a training, read by PyPI's tensorboard, against its metrics.jsonl: every step, every scalar.

    tensorboard_test.py RUN_DIRECTORY
"""
import json
import pathlib
import sys

import numpy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

KEYS = {"loss/train": "loss", "loss/validation": "loss_validation", "loss/balance": "loss_balance",
        "optimizer/learning_rate": "learning_rate", "optimizer/gradient_norm": "gradient_norm",
        "speed/tokens_per_s": "tokens_per_s", "speed/step_time_s": "step_time_s", "speed/gemm_share": "gemm_share",
        "progress/tokens": "tokens", "progress/samples": "samples", "memory/max_bytes": "memory_max_bytes"}


def main():
    folder = pathlib.Path(sys.argv[1])
    steps = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    tags = set(events.Tags()["scalars"])
    if not steps or "loss/train" not in tags:
        sys.exit(f"{folder}: {len(steps)} steps in metrics.jsonl, and tensorboard sees {sorted(tags)}")
    if tags - KEYS.keys():
        sys.exit(f"{folder}: tensorboard sees {sorted(tags - KEYS.keys())}, which metrics.jsonl has no key for")
    compared = 0
    for tag, key in KEYS.items():
        wanted = [(step["step"], numpy.float32(step[key])) for step in steps if key in step]
        found = [(event.step, numpy.float32(event.value)) for event in events.Scalars(tag)] if tag in tags else []
        if found != wanted:
            wrong = next((pair for pair in zip(found, wanted) if pair[0] != pair[1]), "one has more steps")
            sys.exit(f"{folder}: {tag}: {len(found)} values in the event files, {len(wanted)} in metrics.jsonl; {wrong}")
        compared += len(found)
    print(f"tensorboard: {len(steps)} steps, {compared} scalars as in metrics.jsonl")


main()
