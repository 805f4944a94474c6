#!/usr/bin/env python3
"""Loss over time of the recipe that nanoGPT made common, on a corpus of `celere data build`. One JSON line a measurement.

    nanogpt.py CORPUS --seconds 180

The recipe: GPT-2's layers (LayerNorm, GELU, learned positions, multi-head attention) without biases, tied; AdamW with
beta2 0.99 and decay 0.1 on matrices, clipping at 1, linear warm-up and a cosine down to a tenth over the seconds that there
are; windows that begin anywhere in the stream of tokens. The loss is that of the answers of documents which were held out:
what follows <|assistant|>, up to and with <|end|>, each document for itself; the clock stands still meanwhile.
"""
import argparse
import json
import math
import pathlib
import time

import numpy
import torch

import decoder

TYPES = {4: numpy.int32, 8: numpy.uint16}   # as src/tokens/shard.hpp describes the format


def read_shard(prefix):
    """All tokens one behind the other, and where each document begins and the last ends."""
    idx = pathlib.Path(f"{prefix}.idx").read_bytes()
    kind, sequences = TYPES[idx[17]], int.from_bytes(idx[18:26], "little")
    sizes = numpy.frombuffer(idx, numpy.int32, sequences, 34)
    return numpy.memmap(f"{prefix}.bin", kind, "r"), numpy.concatenate(([0], numpy.cumsum(sizes, dtype=numpy.int64)))


class Corpus:
    def __init__(self, folder, sequence):
        folder = pathlib.Path(folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        self.special = json.loads((folder / "tokenizer" / "tokenizer.json").read_text())["special"]
        self.vocabulary, self.sequence = manifest["tokenizer"]["vocabulary"], sequence
        training = [shard for source in manifest["sources"] for shard in source["training"][0]]
        self.stream = numpy.concatenate([read_shard(folder / shard["name"])[0] for shard in training])
        self.held_out = []
        for shard in (shard for source in manifest["sources"] for shard in source["validation"]):
            tokens, begins = read_shard(folder / shard["name"])
            self.held_out += [tokens[a:b].astype(numpy.int64) for a, b in zip(begins[:-1], begins[1:])]

    def windows(self, draw, batch):
        begins = draw.integers(len(self.stream) - self.sequence, size=batch)
        rows = numpy.stack([self.stream[begin:begin + self.sequence + 1] for begin in begins]).astype(numpy.int64)
        rows = torch.from_numpy(rows)
        return rows[:, :-1], rows[:, 1:]

    def answers(self, documents, rows):
        """Batches (inputs, targets, how many count) of held-out documents, targets -1 where they do not count."""
        for begin in range(0, len(documents), rows):
            some = [document[:self.sequence + 1] for document in documents[begin:begin + rows]]
            length = max(map(len, some)) - 1
            inputs, targets = torch.zeros(len(some), length, dtype=torch.long), torch.full((len(some), length), -1)
            for row, document in enumerate(some):
                inputs[row, :len(document) - 1] = torch.from_numpy(document[:-1])
                answer = numpy.flatnonzero(document == self.special["<|assistant|>"])
                if len(answer):
                    targets[row, answer[0]:len(document) - 1] = torch.from_numpy(document[answer[0] + 1:])
            yield inputs, targets, int((targets != -1).sum())


@torch.no_grad()
def loss_on_answers(model, corpus, documents):
    total, count = 0.0, 0
    for inputs, targets, counted in corpus.answers(documents, 64):
        if counted:
            total, count = total + model(inputs, targets).item() * counted, count + counted
    if count == 0:
        raise SystemExit("the held-out documents have no answers: the corpus is not one of questions")
    return total / count, count


def learning_rate_at(share, step, arguments):
    """`share`: of the seconds that have passed."""
    warm_up = min(1.0, (step + 1) / arguments.warm_up)
    return arguments.learning_rate * warm_up * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))


def train(model, corpus, arguments):
    clock = time.process_time if arguments.clock == "cpu" else time.perf_counter
    optimizer = decoder.adamw(model, arguments.learning_rate, (0.9, 0.99), 0.1)
    forward = torch.compile(model) if arguments.compile else model
    if arguments.compile:   # outside the clock, as our own kernels are compiled before
        forward(*corpus.windows(numpy.random.default_rng(0), arguments.batch)).backward()
        optimizer.zero_grad(set_to_none=True)
    draw = numpy.random.default_rng(arguments.seed)
    few = corpus.held_out[:arguments.documents]
    used, step, next_look = 0.0, 0, arguments.every
    while True:
        begin = clock()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(used / arguments.seconds, step, arguments)
        loss = forward(*corpus.windows(draw, arguments.batch))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        used, step = used + clock() - begin, step + 1
        over = used >= arguments.seconds
        if over or used >= next_look:
            next_look += arguments.every
            value, count = loss_on_answers(model, corpus, corpus.held_out if over else few)
            print(json.dumps({"program": "nanogpt", "seconds": round(used, 2), "clock": arguments.clock, "step": step,
                              "tokens": step * arguments.batch * arguments.sequence, "loss_train": round(loss.item(), 4),
                              "loss_answers": round(value, 4), "answer_tokens": count, "seed": arguments.seed,
                              "threads": torch.get_num_threads(), "all_held_out": over}), flush=True)
        if over:
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: seconds of this process, over its threads; for a machine that others use too")
    parser.add_argument("--every", type=float, default=30.0, help="seconds between two looks at the held-out answers")
    parser.add_argument("--documents", type=int, default=1000, help="held-out documents of each look; the last takes all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--warm-up", type=int, default=100, help="steps")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--sequence", type=int, default=128)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    corpus = Corpus(arguments.corpus, arguments.sequence)
    setting = decoder.Setting(arguments.layers, arguments.hidden, arguments.heads, arguments.heads, 4 * arguments.hidden,
                              corpus.vocabulary, arguments.sequence, arguments.batch, llama_like=False)
    train(decoder.Decoder(setting), corpus, arguments)


if __name__ == "__main__":
    main()
