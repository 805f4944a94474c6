#!/usr/bin/env python3
"""What programs of others say of what we write. ./dev test --foreign runs this, with their packages.

    run.py [BUILD]      BUILD: the folder of celere and celere-worker (default: build)

Builds a small corpus and trains a small model, then lets each judge look: transformers at the fixtures, megatron-core and
sentencepiece at the corpus, tensorboard and safetensors at the run directory. Then spoils what they looked at, and each must
say no. Exits 1 if one does not do as it should; a judge that misses what it is to look at is one of those.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUN_FILE = """
[run]
name = "foreign"

[model]
layers = 2
hidden = 32
ffn = 64
vocab = 512
tied_embeddings = true
attention = { heads = 4, kv_heads = 2, head_dim = 8 }

[train]
tokens = "10240 tokens"
sequence = 64
batch = "8 sequences"
precision = "fp32"
optimizer = "adamw"
validate_every = "5 steps"
validation = "8 sequences"

[schedule]
learning_rate = 1e-3

[checkpoint]
every = "1 s"

[cluster]
use = "this-machine"

[data]
folder = "FOLDER/corpus"
validation = 0.1
tokenizer = { kind = "bpe", vocab = 512 }

[[data.sources]]
name = "words"
kind = "jsonl"
files = ["FOLDER/words.jsonl"]
field = "text"
"""


def write_texts(file):
    """Words by Zipf's law, of several alphabets, on one line or on many: 600 documents, each another."""
    draw = random.Random(1)
    letters = ["etaoinshrdlu", "äöüßéèñç", "абвгдежз", "漢字仮名", "0123456789"]
    words = ["".join(draw.choice(letters[0 if draw.random() < 0.8 else draw.randrange(1, 5)]) for _ in range(draw.randint(2, 8)))
             for _ in range(400)]
    with file.open("w", encoding="utf-8") as out:
        for number in range(600):
            text = [str(number)] + [words[int(400 ** draw.random()) - 1] for _ in range(draw.randint(3, 60))]
            out.write(json.dumps({"text": (" " if draw.random() < 0.9 else "\n").join(text)}, ensure_ascii=False) + "\n")


def ours(build, *arguments):
    """Runs celere without the libraries of others and returns what it prints."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LD_LIBRARY_PATH")}
    environment["XDG_CONFIG_HOME"] = str(build / "foreign-config")   # where celere train keeps what it measures of the machine
    done = subprocess.run([str(build / "celere"), *map(str, arguments)], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"celere {' '.join(map(str, arguments))} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def judge(*arguments):
    environment = dict(os.environ, PYTHONWARNINGS="ignore")
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).strip()


def flip_byte(file, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def spoil_fixtures(folder):
    flip_byte(folder / "gpt2-tiny.safetensors", -2)   # of the last number, a bit that changes it by a hundredth


def spoil_corpus(folder):
    flip_byte(next(file for file in sorted((folder / "corpus").glob("*.bin"))), 0)


def spoil_metrics(folder):
    file = folder / "foreign" / "metrics.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[3]["loss"] += 1e-3
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def spoil_checkpoint(folder):
    file = max((folder / "foreign" / "checkpoints").glob("*/manifest.json"))
    manifest = json.loads(file.read_text())
    manifest["tensors"][0]["pieces"][0]["offset"][0] += 1
    file.write_text(json.dumps(manifest))


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    faults = []
    with tempfile.TemporaryDirectory(prefix="celere-foreign-") as temporary:
        folder = pathlib.Path(temporary)
        run_file = folder / "foreign.toml"
        run_file.write_text(RUN_FILE.replace("FOLDER", str(folder)))
        write_texts(folder / "words.jsonl")
        ours(build, "data", "build", run_file)
        (folder / "shown.json").write_text(ours(build, "data", "show", run_file, "--json", "--documents", 20))
        ours(build, "train", run_file, "--runs", folder)
        shutil.copytree(ROOT / "tests" / "fixtures", folder / "fixtures")
        for spoil, *arguments in (
                (spoil_fixtures, "tools/foreign/make_fixtures.py", "--compare", folder / "fixtures"),
                (spoil_corpus, HERE / "shards_test.py", folder / "corpus", folder / "words.jsonl", folder / "shown.json"),
                (spoil_metrics, HERE / "tensorboard_test.py", folder / "foreign"),
                (spoil_checkpoint, HERE / "checkpoint_test.py", folder / "foreign")):
            code, text = judge(*arguments)
            print(text, flush=True)
            if code != 0:
                faults.append(f"{arguments[0]} says no")
                continue
            spoil(folder / "fixtures" if spoil is spoil_fixtures else folder)
            code, text = judge(*arguments)
            if code == 0 or "Traceback" in text:
                faults.append(f"{arguments[0]} after {spoil.__name__}: exit code {code} and {text!r}, and a clear no was wanted")
    sys.exit("\n".join(faults) if faults else 0)


if __name__ == "__main__":
    main()
