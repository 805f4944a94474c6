#!/usr/bin/env python3
"""Hugging Face's tokenizers: MB/s of training a byte-level BPE on a text and of encoding it. One JSON line.

    tokenizer_speed.py FILE... --vocabulary 4096

Each line of the files is a text. Threads are those of RAYON_NUM_THREADS. The text is in memory before the clock starts;
encoding hands over all lines at once and leaves the numbers where the library has them.
"""
import argparse
import json
import os
import pathlib
import time

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--sample", type=float, default=10e6, help="bytes to train on, from the front")
    parser.add_argument("--passes", type=int, default=3)
    arguments = parser.parse_args()
    lines = [line for file in arguments.files for line in pathlib.Path(file).read_text(encoding="utf-8").splitlines() if line]
    size = sum(len(line.encode()) for line in lines)
    sample, sample_size = [], 0
    for line in lines:
        if sample_size >= arguments.sample:
            break
        sample.append(line)
        sample_size += len(line.encode())

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=arguments.vocabulary, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    begin = time.perf_counter()
    tokenizer.train_from_iterator(sample, trainer)
    training_s = time.perf_counter() - begin
    times = []
    for _ in range(arguments.passes):
        begin = time.perf_counter()
        encoded = tokenizer.encode_batch_fast(lines)
        times.append(time.perf_counter() - begin)
    print(json.dumps({"program": "tokenizers", "vocabulary": tokenizer.get_vocab_size(), "bytes": size,
                      "threads": int(os.environ.get("RAYON_NUM_THREADS", os.cpu_count())),
                      "training_s": round(training_s, 2), "training_mb_per_s": round(sample_size / training_s / 1e6, 2),
                      "encoding_mb_per_s": round(size / min(times) / 1e6, 2),
                      "tokens": sum(len(one) for one in encoded)}), flush=True)


if __name__ == "__main__":
    main()
