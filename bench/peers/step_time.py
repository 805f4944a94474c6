#!/usr/bin/env python3
"""The time of a training step in PyTorch: forward, backward, clipping, fused AdamW. One JSON line a result.

    step_time.py --setting d256 --mode eager --precision fp32 --steps 20

Threads and allocator are those of the environment (OMP_NUM_THREADS, GLIBC_TUNABLES): run.py sets them as for our worker.
"""
import argparse
import contextlib
import json
import statistics
import time

import torch

import decoder


def gemm_flops_per_second(precision):
    """The best of several square products of 2048: what the machine gives now, to hold the step against."""
    a = torch.randn(2048, 2048, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    best = float("inf")
    for _ in range(6):
        begin = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - begin)
    return 2 * 2048**3 / best


def make_step(setting, mode, precision, loss, clip):
    torch.manual_seed(1)
    model = decoder.Decoder(setting, loss)
    optimizer = decoder.adamw(model, 1e-3, (0.9, 0.95), 0.1)
    weights = list(model.parameters())
    forward = {"eager": lambda: model,
               "compile": lambda: torch.compile(model),
               "compile-max": lambda: torch.compile(model, mode="max-autotune")}[mode]()
    tokens = torch.randint(setting.vocab, (setting.batch, setting.sequence + 1))

    def step():
        bf16 = torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
        with bf16:
            value = forward(tokens[:, :-1], tokens[:, 1:])
        value.backward()
        if clip > 0:
            torch.nn.utils.clip_grad_norm_(weights, clip, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return value

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=decoder.SETTINGS, default="d256")
    parser.add_argument("--mode", choices=("eager", "compile", "compile-max"), default="eager")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--loss", choices=("plain", "chunked"), default="plain",
                        help="chunked: PyTorch's own linear_cross_entropy, without the logits of the whole batch")
    parser.add_argument("--clip", type=float, default=1.0, help="0: none")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seconds", type=float, help="as many steps as fit in, three at least, instead of --steps")
    parser.add_argument("--warm-up", type=int, default=3)
    arguments = parser.parse_args()

    setting = decoder.SETTINGS[arguments.setting]
    step = make_step(setting, arguments.mode, arguments.precision, arguments.loss, arguments.clip)
    begin = time.perf_counter()
    step()
    first_s = time.perf_counter() - begin
    for _ in range(arguments.warm_up - 1):
        step()
    times, cpu_begin = [], time.process_time()
    while len(times) < arguments.steps if arguments.seconds is None else len(times) < 3 or sum(times) < arguments.seconds:
        begin = time.perf_counter()
        value = step()
        times.append(time.perf_counter() - begin)
    cpu_s = (time.process_time() - cpu_begin) / len(times)
    median = statistics.median(times)
    peak = gemm_flops_per_second(arguments.precision)
    print(json.dumps({
        "program": "pytorch", "setting": arguments.setting, "mode": arguments.mode, "precision": arguments.precision,
        "loss_form": arguments.loss, "threads": torch.get_num_threads(), "steps": len(times),
        "step_ms": round(1e3 * median, 2), "step_ms_min": round(1e3 * min(times), 2),
        "cpu_ms": round(1e3 * cpu_s, 2), "first_step_s": round(first_s, 2),
        "tokens_per_s": round(setting.batch * setting.sequence / median, 1),
        "gemm_gflops": round(peak / 1e9, 1),
        "gemm_share": round(decoder.matmul_flops_per_step(setting) / median / peak, 3),
        "loss": round(value.item(), 5)}), flush=True)


if __name__ == "__main__":
    main()
