#!/usr/bin/env python3
"""Reduces rows of micro-benchmarks to the compact curves of catalog/curves/.

    reduce.py FOLDER SYSTEM > catalog/curves/NAME.toml

FOLDER holds SYSTEM.gemm.csv.gz, SYSTEM.attention.csv.gz, SYSTEM.moe.csv.gz and
nccl_intranode.csv.gz, as exported from github.com/ai-dynamo/aiconfigurator@095f58a (systems/data).
Kept of them:

  gemm          bf16 rows at grid points that were measured
  attention     rows without a window, the median over key-value heads at grid points of length,
                head size, and heads x batch
  grouped_gemm  bf16 rows of moe_ep = 1, the median in cells of tokens an expert and width;
                where balanced rows exist, only those; empty cells from their neighbours
  collectives   the newest NCCL, a point for each fourfold of the size

Between points a table is linear in the logarithms of its axes and of the rate. The error of the
reduction is |table / row - 1| over the rows of the kind that lie inside the grid, those between
grid points included: median and 90th percentile. The fp8 and fp4 rows are of inference kernels and
are left out; so are rows of sizes below the grid.
"""
import csv
import gzip
import math
import statistics
import sys

SOURCE = "github.com/ai-dynamo/aiconfigurator@095f58a systems/data"
GEMM_M = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768]
GEMM_NK = [128, 512, 1024, 2048, 4096, 8192, 16384, 65536]
LENGTHS = [512, 1024, 2048, 4096, 8192, 16384]
HEAD_DIM_MAX = 256
HEADS = [1, 2, 4, 8, 16, 32, 64, 256]
TOKENS = [16, 64, 256, 1024, 4096, 16384]
WIDTHS = [512, 1024, 2048, 4096, 8192, 16384]
NCCL_PREFERRED = ["nccl_2.29.2", "nccl_2.27.3"]
NCCL_BYTES = [1 << i for i in range(10, 30, 2)] + [1 << 29]
OPERATIONS = {"all_reduce": "all-reduce", "all_gather": "all-gather",
              "reduce_scatter": "reduce-scatter", "alltoall": "all-to-all"}


def read(path):
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def place(axis, value):
    """The lower grid index and the weight of the next, in logarithms, clamped."""
    if value <= axis[0] or len(axis) == 1:
        return 0, 0.0
    if value >= axis[-1]:
        return len(axis) - 2, 1.0
    low = max(i for i, point in enumerate(axis) if point <= value)
    return low, math.log(value / axis[low]) / math.log(axis[low + 1] / axis[low])


def interpolate(axes, table, point):
    """`table` maps index tuples to rates; linear in the logarithms of the axes and of the rate."""
    corners = [((), 1.0)]
    for axis, value in zip(axes, point):
        low, weight = place(axis, value)
        corners = [(index + (low + step,), share * part) for index, share in corners
                   for step, part in ((0, 1 - weight), (1, weight)) if part > 0]
    return math.exp(sum(share * math.log(table[index]) for index, share in corners))


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def error_of(axes, table, points):
    errors = [abs(interpolate(axes, table, point) / rate - 1) for point, rate in points]
    return statistics.median(errors), quantile(errors, 0.9)


def gemm(rows):
    rates = {}
    for row in rows:
        if row["dtype"] != "bfloat16":
            continue
        m, n, k = int(row["m"]), int(row["n"]), int(row["k"])
        rates[m, n, k] = 2.0 * m * n * k / (float(row["latency_ms"]) * 1e9)
    axes = [[m for m in GEMM_M if any(key[0] == m for key in rates)], GEMM_NK, GEMM_NK]
    table = {}
    for i, m in enumerate(axes[0]):
        for j, n in enumerate(axes[1]):
            for l, k in enumerate(axes[2]):
                # The largest corner (65536 x 65536) was not measured: its neighbour stands in.
                near = ((m, n, k), (m, n, 16384), (m, 16384, k))
                table[i, j, l] = next(rates[key] for key in near if key in rates)
    points = [(key, rate) for key, rate in rates.items() if min(key[1:]) >= 128]
    return axes, table, quantile(list(rates.values()), 0.97), error_of(axes, table, points)


def attention(rows):
    cells, points = {}, []
    for row in rows:
        batch, seq, heads, dim = (int(row[key]) for key in ("batch", "seq", "heads", "head_dim"))
        if row["window"] != "0" or seq < LENGTHS[0] or dim > HEAD_DIM_MAX:
            continue
        rate = 2.0 * batch * heads * seq * seq * dim / (float(row["latency_ms"]) * 1e9)
        cells.setdefault((seq, dim, batch * heads), []).append(rate)
        points.append(((seq, dim, batch * heads), rate))
    axes = [LENGTHS, sorted({dim for _, dim, _ in cells}), HEADS]
    table = {}
    for i, seq in enumerate(LENGTHS):
        for j, dim in enumerate(axes[1]):
            for l, heads in enumerate(HEADS):
                found = cells.get((seq, dim, heads))
                # The most heads at the longest length need not fit; fewer are as fast there.
                table[i, j, l] = statistics.median(found) if found else table[i, j, l - 1]
    return axes, table, error_of(axes, table, points)


def mean_of_neighbours(known, at):
    """The geometric mean of known cells, weighted by the fourth power of their nearness."""
    weights = {cell: 1.0 / (abs(cell[0] - at[0]) + abs(cell[1] - at[1])) ** 4 for cell in known}
    logs = sum(weight * math.log(known[cell]) for cell, weight in weights.items())
    return math.exp(logs / sum(weights.values()))


def grouped_gemm(rows):
    cells, points = {}, []
    balanced = any(row["distribution"] == "balanced" for row in rows if row["dtype"] == "bfloat16")
    for row in rows:
        if row["dtype"] != "bfloat16" or row["moe_ep"] != "1":
            continue
        if balanced and row["distribution"] != "balanced":
            continue
        tokens, hidden, inter, topk, experts, tp = (
            int(row[key]) for key in ("tokens", "hidden", "inter", "topk", "experts", "moe_tp"))
        width, each = inter / tp, tokens * topk / experts
        if width < 256 or each < 8:
            continue
        rate = tokens * topk * 6.0 * hidden * width / (float(row["latency_ms"]) * 1e9)
        nearest = tuple(min(range(len(axis)), key=lambda i: abs(math.log(value / axis[i])))
                        for axis, value in ((TOKENS, each), (WIDTHS, width)))
        cells.setdefault(nearest, []).append(rate)
        points.append(((each, width), rate))
    known = {cell: statistics.median(found) for cell, found in cells.items()}
    table = {}
    for i in range(len(TOKENS)):
        for j in range(len(WIDTHS)):
            table[i, j] = known.get((i, j)) or mean_of_neighbours(known, (i, j))
    axes = [TOKENS, WIDTHS]
    return axes, table, error_of(axes, table, points)


def collectives(rows, name):
    mine = [row for row in rows if row["system"] == name]
    sets = {row["dataset"] for row in mine}
    dataset = next(one for one in NCCL_PREFERRED if one in sets)
    curves = {}
    for row in mine:
        if row["dataset"] == dataset:
            curve = curves.setdefault((OPERATIONS[row["op"]], int(row["num_gpus"])), {})
            curve[int(row["bytes"])] = float(row["time_us_median"])
    errors = []
    for curve in curves.values():
        axis = [size for size in NCCL_BYTES if size in curve]
        table = {(i,): curve[size] for i, size in enumerate(axis)}
        errors += [abs(interpolate([axis], table, (size,)) / time - 1)
                   for size, time in curve.items() if size >= axis[0]]
    return dataset, curves, (statistics.median(errors), quantile(errors, 0.9))


def short(values):
    return "[" + ", ".join(f"{value:.4g}" for value in values) + "]"


def whole(values):
    return "[" + ", ".join(str(value) for value in values) + "]"


def print_errors(error):
    print(f"error_median = {error[0]:.3f}")
    print(f"error_p90 = {error[1]:.3f}")


def print_table(axes, table):
    """Rows along the last axis."""
    print("tflops = [")
    counts = [len(axis) for axis in axes[:-1]]
    total = math.prod(counts)
    for row in range(total):
        index, rest = [], row
        for count in reversed(counts):
            index.insert(0, rest % count)
            rest //= count
        print("  " + short(table[tuple(index) + (i,)] for i in range(len(axes[-1]))) + ",")
    print("]")


def main(folder, name):
    rows = {kind: read(f"{folder}/{name}.{kind}.csv.gz") for kind in ("gemm", "attention", "moe")}
    print("# Made by tools/reduce_microbench/reduce.py: do not edit by hand.")
    print(f'source = "{SOURCE}, {name}"')
    axes, table, best, error = gemm(rows["gemm"])
    print("\n[gemm]")
    for key, axis in zip("mnk", axes):
        print(f"{key} = {whole(axis)}")
    print(f"best_tflops = {best:.4g}")
    print_errors(error)
    print_table(axes, table)
    axes, table, error = attention(rows["attention"])
    print(f"\n[attention]\nsequence = {whole(axes[0])}\nhead_dim = {whole(axes[1])}")
    print(f"heads = {whole(axes[2])}")
    print_errors(error)
    print_table(axes, table)
    axes, table, error = grouped_gemm(rows["moe"])
    print(f"\n[grouped_gemm]\ntokens_per_expert = {whole(axes[0])}\nexpert_ffn = {whole(axes[1])}")
    print_errors(error)
    print_table(axes, table)
    dataset, curves, error = collectives(read(f"{folder}/nccl_intranode.csv.gz"), name)
    print(f'\n[collectives]\nsource = "{SOURCE}, {name}, {dataset}"')
    print_errors(error)
    for (op, gpus), curve in sorted(curves.items()):
        axis = [size for size in NCCL_BYTES if size in curve]
        print(f'\n[[collective]]\nop = "{op}"\ngpus = {gpus}')
        print("bytes = [" + ", ".join(str(size) for size in axis) + "]")
        print(f"microseconds = {short(curve[size] for size in axis)}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
