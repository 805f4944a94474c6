"""A training that takes seconds, for tests that break trainings: its run file, its texts, and what weights it has in the end."""
import json
import pathlib

# STEPS is a number of tokens: 128 are a step.
RUN = """
[run]
name = "NAME"
[model]
layers = 2
hidden = 32
ffn = 64
vocab = 400
activation = "relu-squared"
tied_embeddings = true
attention = { heads = 4, kv_heads = 2, head_dim = 8, query_key_norm = true }
[train]
tokens = "STEPS tokens"
sequence = 16
batch = "8 sequences"
precision = "fp32"
optimizer = "muon"
validate_every = "100 steps"
validation = "4 sequences"
[schedule]
learning_rate = 0.003
warmup = "2 steps"
[layout]
micro_batch = 2
[checkpoint]
every = "20 steps"
keep = 3
memory_copy = MEMORY
[recovery]
ranks_per_node = 1
spares = SPARES
on_lost_replica = "LOST"
step_deadline = "1.5 s"
check_every = "20 steps"
node_patience = "NODE_PATIENCE"
back_off = "0.2 s"
node_failures = 1000
retries = RETRIES
skips = 0
[cluster]
use = "eos-h100"
[data]
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
SETTINGS = {"memory": "false", "spares": "0", "lost": "roll back", "node_patience": "20 s", "retries": "8"}


def write_facts(folder):
    with open(folder / "facts.jsonl", "w") as facts:
        for i in range(200):
            facts.write(json.dumps({"q": f"What is number {i}?", "a": f"It is {i * 7 % 13} and {i * 5 % 11}."}) + "\n")


def run_file(folder, name, steps, **settings):
    """Writes FOLDER/NAME.toml. Settings: those of SETTINGS."""
    text = RUN.replace("NAME", name, 1).replace("STEPS", str(steps * 8 * 16)).replace("FOLDER", str(folder))
    for key, value in (SETTINGS | settings).items():
        text = text.replace(key.upper(), value)
    path = pathlib.Path(folder) / f"{name}.toml"
    path.write_text(text)
    return path


def checkpoints(run):
    """The folders of those that are committed, the oldest first."""
    return sorted(path for path in (pathlib.Path(run) / "checkpoints").glob("step-*") if (path / "manifest.json").exists())


def weights(run):
    """The checksums of the files of the final checkpoint, which hold weights and state."""
    manifest = json.loads((checkpoints(run)[-1] / "manifest.json").read_text())
    return [(file["bytes"], file["xxh3_128"]) for file in manifest["files"]]
