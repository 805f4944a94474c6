#!/usr/bin/env python3
"""Tests of reduce.py: rows made up here, whose tables are worked out by hand."""
import contextlib
import csv
import gzip
import io
import math
import os
import tempfile
import tomllib
import unittest

import reduce


def gemm_row(m, n, k, tflops, dtype="bfloat16"):
    return {"dtype": dtype, "m": m, "n": n, "k": k, "latency_ms": 2e-9 * m * n * k / tflops}


def attention_row(batch, seq, heads, dim, tflops, window="0"):
    work = 2.0 * batch * heads * seq * seq * dim
    return {"batch": batch, "seq": seq, "heads": heads, "kv_heads": 1, "head_dim": dim,
            "window": window, "latency_ms": work / tflops * 1e-9}


def moe_row(tokens, inter, tflops, distribution="balanced", ep="1"):
    """Experts of which each token takes one of eight, hidden width 1000."""
    work = tokens * 6.0 * 1000 * inter
    return {"dtype": "bfloat16", "tokens": tokens, "hidden": 1000, "inter": inter, "topk": 1,
            "experts": 8, "moe_tp": 1, "moe_ep": ep, "distribution": distribution,
            "latency_ms": work / tflops * 1e-9}


def whole_gemm_grid(rate):
    sizes = reduce.GEMM_NK
    return [gemm_row(m, n, k, rate(m, n, k)) for m in (256, 512) for n in sizes for k in sizes]


class Interpolate(unittest.TestCase):
    # 2 lies half way from 1 to 4 in logarithms, so the rate is sqrt(10 * 1000).
    def test_is_linear_in_logarithms(self):
        self.assertAlmostEqual(reduce.interpolate([[1, 4]], {(0,): 10, (1,): 1000}, (2,)), 100)

    def test_stays_at_the_edge(self):
        table = {(0,): 10, (1,): 1000}
        self.assertAlmostEqual(reduce.interpolate([[1, 4]], table, (0.1,)), 10)
        self.assertAlmostEqual(reduce.interpolate([[1, 4]], table, (99,)), 1000)


class Gemm(unittest.TestCase):
    # A power law is a plane in logarithms: the row between the points is met exactly.
    def test_has_no_error_on_a_power_law(self):
        rows = whole_gemm_grid(lambda m, n, k: math.sqrt(m) * k)
        rows.append(gemm_row(300, 700, 3000, math.sqrt(300) * 3000))
        axes, table, _, error = reduce.gemm(rows)
        self.assertEqual(axes[0], [256, 512])
        self.assertAlmostEqual(table[1, 0, 2], math.sqrt(512) * 1024)
        self.assertLess(error[1], 1e-9)

    # Of 128 + 32 rows a fifth is half as fast as the table says, |100 / 50 - 1| = 1: so is the
    # 90th percentile, and the median is 0.
    def test_states_its_error(self):
        rows = whole_gemm_grid(lambda m, n, k: 100)
        rows += [gemm_row(300, 700, 3000 + i, 50) for i in range(32)]
        error = reduce.gemm(rows)[3]
        self.assertAlmostEqual(error[0], 0)
        self.assertAlmostEqual(error[1], 1)

    def test_leaves_out_other_formats(self):
        rows = whole_gemm_grid(lambda m, n, k: 100)
        rows.append(gemm_row(512, 512, 512, 999, dtype="fp8"))
        _, table, best, _ = reduce.gemm(rows)
        self.assertAlmostEqual(best, 100)
        self.assertAlmostEqual(max(table.values()), 100)


class Attention(unittest.TestCase):
    def rows(self):
        return [attention_row(1, seq, heads, 128, 100.0 + heads)
                for seq in reduce.LENGTHS for heads in reduce.HEADS]

    def test_leaves_out_windows(self):
        rows = self.rows() + [attention_row(1, 4096, 8, 128, 9999, window="128")]
        self.assertAlmostEqual(reduce.attention(rows)[1][3, 0, 3], 108)

    # Batch times heads is what counts; of three rows at a point the median stands.
    def test_takes_the_median_at_a_point(self):
        rows = self.rows()
        rows += [attention_row(2, 4096, 4, 128, 50), attention_row(4, 4096, 2, 128, 60)]
        axes, table, _ = reduce.attention(rows)
        self.assertEqual(axes[1], [128])
        self.assertAlmostEqual(table[3, 0, 3], 60)

    # What did not fit into the memory stands in as the next fewer heads.
    def test_fills_the_most_heads_from_fewer(self):
        rows = [row for row in self.rows() if not (row["seq"] == 16384 and row["heads"] == 256)]
        self.assertAlmostEqual(reduce.attention(rows)[1][5, 0, 7], 164)


class GroupedGemm(unittest.TestCase):
    # 8 * 256 tokens, one of 8 experts each: 256 an expert, width 1024: cell (2, 1).
    def test_puts_rows_into_the_nearest_cell(self):
        axes, table, _ = reduce.grouped_gemm([moe_row(8 * 256, 1024, 300)])
        self.assertEqual((axes[0][2], axes[1][1]), (256, 1024))
        self.assertAlmostEqual(table[2, 1], 300)

    # The only known cell is every other cell's neighbour.
    def test_fills_empty_cells_from_neighbours(self):
        table = reduce.grouped_gemm([moe_row(8 * 256, 1024, 300)])[1]
        self.assertAlmostEqual(table[5, 5], 300)
        self.assertAlmostEqual(table[0, 0], 300)

    # Two cells at distances 1 and 2 weigh 1 and 1/16: the mean of log 100 and log 1 is
    # log 100 * 16 / 17.
    def test_weighs_neighbours_by_the_fourth_power(self):
        mean = reduce.mean_of_neighbours({(0, 1): 100, (2, 0): 1}, (0, 0))
        self.assertAlmostEqual(mean, 100 ** (16 / 17))

    def test_prefers_balanced_rows_and_leaves_out_expert_parallel_ones(self):
        rows = [moe_row(2048, 1024, 300), moe_row(2048, 1024, 100, "power_law_1.2"),
                moe_row(2048, 1024, 100, ep="8")]
        self.assertAlmostEqual(reduce.grouped_gemm(rows)[1][2, 1], 300)


class Collectives(unittest.TestCase):
    # Times of 1 us + bytes / (1 GB/s); of two data sets the newest NCCL stands.
    def test_keep_a_point_for_each_fourfold(self):
        rows = [{"system": "x", "dataset": dataset, "op": "alltoall", "num_gpus": "8",
                 "bytes": str(1 << i), "time_us_median": str(more + (1 << i) / 1e3)}
                for dataset, more in (("nccl_2.27.3", 50), ("nccl_2.29.2", 1))
                for i in range(9, 30)]
        dataset, curves, error = reduce.collectives(rows, "x")
        self.assertEqual(dataset, "nccl_2.29.2")
        self.assertAlmostEqual(curves["all-to-all", 8][1024], 2.024)
        self.assertLess(error[1], 0.1)


class Main(unittest.TestCase):
    # The file is TOML, and holds what the functions above give.
    def test_writes_a_file_that_reads_back(self):
        kinds = {"gemm": whole_gemm_grid(lambda m, n, k: 100), "attention": Attention().rows(),
                 "moe": [moe_row(2048, 1024, 300)]}
        nccl = [{"system": "x", "dataset": "nccl_2.29.2", "op": "all_reduce", "num_gpus": "2",
                 "bytes": str(1 << i), "time_us_median": "5"} for i in range(9, 30)]
        with tempfile.TemporaryDirectory() as folder:
            for name, rows in [*((f"x.{kind}", rows) for kind, rows in kinds.items()),
                               ("nccl_intranode", nccl)]:
                with gzip.open(os.path.join(folder, f"{name}.csv.gz"), "wt", newline="") as file:
                    writer = csv.DictWriter(file, rows[0].keys())
                    writer.writeheader()
                    writer.writerows(rows)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                reduce.main(folder, "x")
        curves = tomllib.loads(out.getvalue())
        self.assertEqual(len(curves["gemm"]["tflops"]), 2 * 8)
        self.assertEqual(curves["gemm"]["best_tflops"], 100)
        self.assertEqual(len(curves["attention"]["tflops"]), 6)
        self.assertEqual(curves["attention"]["tflops"][0][0], 101)
        self.assertEqual(curves["collective"][0]["op"], "all-reduce")
        self.assertEqual(len(curves["collective"][0]["microseconds"]), 11)


if __name__ == "__main__":
    unittest.main()
