#!/usr/bin/env python3
"""Celere beside its peers, on this machine, in turns. ./dev bench --peers [arguments] runs this.

    run.py step        a training step, beside PyTorch eager and torch.compile (the default)
    run.py tokenizers  text to tokens, beside Hugging Face's tokenizers
    run.py loss        loss on held-out answers over time, beside nanoGPT's recipe

All get the same cores, threads and allocator settings. Contenders alternate (A B A B), so that what else the machine does
falls on all of them; a ratio is the median of the ratios within one round.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import tomllib

import decoder

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# What launch/ starts the worker with: freed memory is kept, in huge pages.
TUNABLES = ("glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:"
            "glibc.malloc.trim_threshold=4294967296:glibc.malloc.top_pad=67108864")
WORDNET = [f"/usr/share/wordnet/data.{part}" for part in ("noun", "verb", "adj", "adv")]


def check_tunables():
    source = (ROOT / "src" / "launch" / "worker_process.cpp").read_text()
    if f"GLIBC_TUNABLES={TUNABLES}" not in re.sub(r'"\s*\n\s*"', "", source):
        sys.exit("src/launch/worker_process.cpp gives the worker other allocator settings than TUNABLES here: make them equal")


def environment(threads, foreign):
    """Ours must not find the libraries of the Python environment."""
    hidden = () if foreign else ("PYTHONPATH", "LD_LIBRARY_PATH")
    out = {name: value for name, value in os.environ.items() if name not in hidden}
    return out | {"GLIBC_TUNABLES": TUNABLES, "OMP_NUM_THREADS": str(threads), "GOMP_SPINCOUNT": "20000", "MKL_NUM_THREADS": str(threads), "MKL_DISABLE_FAST_MM": "1",
                  "RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true", "PYTHONWARNINGS": "ignore",
                  "CELERE_BENCH_LONG": "1"}


def output_of(command, threads, foreign):
    cores = set(sorted(os.sched_getaffinity(0))[:threads])
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=environment(threads, foreign), text=True,
                          capture_output=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exited with {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def our_step(setting, precision, arguments):
    name = f"step/{setting.replace('-', '_')}_{precision}/"
    found = json.loads(output_of([arguments.build / "step_bench", f"--benchmark_filter={name}", "--benchmark_format=json",
                                  f"--benchmark_min_time={arguments.seconds}"], arguments.threads, foreign=False))["benchmarks"]
    if len(found) != 1:
        sys.exit(f"step_bench has {len(found)} benches of the name {name}")
    return {"step_ms": found[0]["real_time"], "tokens_per_s": found[0]["tokens_per_s"], "gemm_share": found[0]["gemm_share"]}


def peer_step(mode, loss, setting, precision, arguments):
    return json.loads(output_of([sys.executable, HERE / "step_time.py", "--setting", setting, "--mode", mode, "--loss", loss,
                                 "--precision", precision, "--seconds", arguments.seconds], arguments.threads, foreign=True))


def print_table(head, rows):
    widths = [max(len(str(row[i])) for row in [head] + rows) for i in range(len(head))]
    for row in [head] + rows:
        print("  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))))


def in_turns(contenders, rounds):
    """{name: [result of each round]}"""
    results = {name: [] for name in contenders}
    for number in range(rounds):
        for name, measure in contenders.items():
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            results[name].append(measure())
    return results


def ratio(results, name, key, base="celere"):
    return statistics.median(one[key] / of[key] for one, of in zip(results[name], results[base]))


def bench_step(arguments):
    rows, lines = [], []
    for setting in arguments.setting:
        for precision in arguments.precision:
            contenders = {"celere": lambda: our_step(setting, precision, arguments)}
            for mode in arguments.mode:
                for loss in arguments.loss:
                    contenders[f"pytorch {mode}, {loss} loss"] = (
                        lambda mode=mode, loss=loss: peer_step(mode, loss, setting, precision, arguments))
            results = in_turns(contenders, arguments.rounds)
            for name, measured in results.items():
                middle = {key: statistics.median(one[key] for one in measured) for key in ("step_ms", "tokens_per_s", "gemm_share")}
                rows.append([f"{setting} {precision}: {name}", f"{middle['step_ms']:.1f}", f"{middle['tokens_per_s']:.0f}",
                             f"{middle['gemm_share']:.2f}", f"{ratio(results, name, 'step_ms'):.2f}"])
                lines.append({"setting": setting, "precision": precision, "contender": name, "rounds": measured})
    print_table(["", "step ms", "tokens/s", "of GEMM peak", "time / celere's"], rows)
    return lines


def bench_tokenizers(arguments):
    files = arguments.text or WORDNET
    with tempfile.TemporaryDirectory(prefix="celere-peers-") as folder:
        run_file = pathlib.Path(folder) / "text.toml"
        model = tomllib.loads((ROOT / "examples" / "wordnet.toml").read_text())
        vocabulary = model["data"]["tokenizer"]["vocab"]
        run_file.write_text(f"""
[run]
name = "text"
[model]
layers = 1
hidden = 64
ffn = 64
vocab = {vocabulary}
attention = {{ heads = 1, head_dim = 64 }}
[train]
tokens = "1 M tokens"
sequence = 64
batch = "16 sequences"
precision = "fp32"
[cluster]
use = "this-machine"
[data]
folder = "{folder}/corpus"
tokenizer = {{ kind = "bpe", vocab = {vocabulary}, sample = "10 MB" }}
[[data.sources]]
name = "text"
kind = "text"
documents = "line"
files = {json.dumps([str(pathlib.Path(file).resolve()) for file in files])}
""")

        def ours():
            subprocess.run(["rm", "-rf", f"{folder}/corpus"], check=True)
            built = json.loads(output_of([arguments.build / "celere", "data", "build", run_file, "--json"],
                                         arguments.threads, foreign=False))
            return {"encoding_mb_per_s": built["tokenise_bytes_per_s"] / 1e6, "training_s": built["tokenizer_time_s"],
                    "tokens": built["tokens_training"] + built["tokens_validation"]}

        def theirs():
            return json.loads(output_of([sys.executable, HERE / "tokenizer_speed.py", "--vocabulary", vocabulary, *files],
                                        arguments.threads, foreign=True))

        results = in_turns({"celere": ours, "tokenizers": theirs}, arguments.rounds)
    print_table(["", "MB/s", "rate / celere's", "train s", "tokens"],
                [[name, f"{statistics.median(one['encoding_mb_per_s'] for one in measured):.1f}",
                  f"{ratio(results, name, 'encoding_mb_per_s'):.2f}",
                  f"{statistics.median(one['training_s'] for one in measured):.1f}", measured[0]["tokens"]]
                 for name, measured in results.items()])
    return [{"contender": name, "rounds": measured} for name, measured in results.items()]


def our_curve(run_directory):
    """[(seconds of steps, validation loss)]: what the trainer spends on validation and saves does not count, as for the peer."""
    used, curve = 0.0, []
    for line in (run_directory / "metrics.jsonl").read_text().splitlines():
        step = json.loads(line)
        used += step["step_time_s"]
        if "loss_validation" in step:
            curve.append((used, step["loss_validation"]))
    return curve


def crossing(curve, loss):
    """Seconds at which a curve first is at `loss` or below, with a straight line between its points; None: never."""
    for (time_a, loss_a), (time_b, loss_b) in zip(curve, curve[1:]):
        if loss_b <= loss < loss_a:
            return time_a + (time_b - time_a) * (loss_a - loss) / (loss_a - loss_b)
    return curve[0][0] if curve and curve[0][1] <= loss else None


def our_training(run_file, seed, corpus, folder, arguments):
    """The curve of a run file with another seed, on a corpus that is there."""
    text = run_file.read_text().replace("[data]\n", f'[data]\nfolder = "{corpus}"\n')
    changed = pathlib.Path(folder) / run_file.name
    changed.write_text(re.sub(r"\[schedule\]\n", f"[schedule]\nseed = {seed}\n", text))
    runs = pathlib.Path(folder) / f"runs-{run_file.stem}-{seed}"
    output_of([arguments.build / "celere", "train", changed, "--runs", runs], arguments.threads, foreign=False)
    return our_curve(next(runs.iterdir()))


def their_training(seed, corpus, arguments):
    lines = output_of([sys.executable, HERE / "nanogpt.py", corpus, "--seconds", arguments.budget, "--seed", seed,
                       "--every", arguments.budget / 12, "--compile"], arguments.threads, foreign=True).splitlines()
    return [(line["seconds"], line["loss_answers"]) for line in map(json.loads, lines)]


def bench_loss(arguments):
    """How much sooner examples/wordnet.toml is where nanoGPT's recipe ends: PyTorch's, compiled, and ours by the same kernels."""
    run = tomllib.loads(arguments.run.read_text())
    if run["data"].get("validation_loss", run["data"].get("loss")) != "answers":
        sys.exit(f'{arguments.run}: data.validation_loss must be "answers": the peer is judged by the answers alone')
    rows, lines = [], []
    with tempfile.TemporaryDirectory(prefix="celere-peers-") as folder:
        corpus = pathlib.Path(folder) / "corpus"
        output_of([arguments.build / "celere", "data", "build", arguments.run, "--folder", corpus], arguments.threads, foreign=False)
        for seed in range(arguments.seeds):
            print(f"seed {seed + 1} of {arguments.seeds}", file=sys.stderr, flush=True)
            curves = {"celere": our_training(arguments.run, seed, corpus, folder, arguments),
                      "nanogpt, our kernels": our_training(HERE / "nanogpt.toml", seed, corpus, folder, arguments),
                      "nanogpt, torch.compile": their_training(seed, corpus, arguments)}
            for name, curve in curves.items():
                (time, loss), at = curve[-1], crossing(curves["celere"], curve[-1][1])
                rows.append([f"seed {seed}: {name}", f"{loss:.3f}", f"{time:.0f}", "never" if at is None else f"{at:.0f}",
                             "" if at is None else f"{time / at:.2f}"])
            lines.append({"seed": seed, "curves": curves})
    print_table(["", "loss at its end", "s", "celere's s to it", "times sooner"], rows)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("step", "tokenizers", "loss"), default="step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="step: of measuring, each contender and round")
    parser.add_argument("--setting", nargs="+", choices=decoder.SETTINGS, default=list(decoder.SETTINGS))
    parser.add_argument("--precision", nargs="+", choices=("fp32", "bf16"), default=["fp32", "bf16"])
    parser.add_argument("--mode", nargs="+", choices=("eager", "compile", "compile-max"), default=["eager", "compile"])
    parser.add_argument("--loss", nargs="+", choices=("plain", "chunked"), default=["plain", "chunked"],
                        help="step: how PyTorch computes its loss: over all logits, or by linear_cross_entropy")
    parser.add_argument("--text", nargs="+", help="tokenizers: files, a text a line (default: WordNet's data)")
    parser.add_argument("--run", type=pathlib.Path, default=ROOT / "examples" / "wordnet.toml", help="loss: the run file")
    parser.add_argument("--budget", type=float, default=180, help="loss: seconds of the peer")
    parser.add_argument("--seeds", type=int, default=2, help="loss: how many")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="the folder of our programs")
    parser.add_argument("--json", type=pathlib.Path, help="also write each measurement there")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    check_tunables()
    print(next((line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), ""),
          "with AVX-512 bf16" if "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text() else "without AVX-512 bf16",
          f"{arguments.threads} threads, load {os.getloadavg()[0]:.1f}", sep=", ")
    lines = {"step": bench_step, "tokenizers": bench_tokenizers, "loss": bench_loss}[arguments.what](arguments)
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
