#!/usr/bin/env python3
"""A table of several plans: one row for each JSON that `celere plan --json` printed.

    summary.py PLAN.json...
"""
import json
import sys

COLUMNS = ["cluster", "GPUs", "from", "days (80 %)", "M$", "GWh", "MFU", "goodput", "batch", "layout"]


def amount(value, scale, digits=0):
    return "unknown" if value is None else f"{value / scale:,.{digits}f}"


def row(plan):
    if not plan["best"]:
        limit = plan["infeasible"] or {"limit": "nothing legal"}
        return [plan["cluster"], f"{plan['gpus']:,}", "-", "infeasible: " + limit["limit"]] + ["-"] * 6
    best = plan["best"][0]
    degrees = best["layout"]
    text = " ".join(f"{axis}{degrees[axis]}" for axis in ("tp", "cp", "pp", "dp", "ep", "etp") if degrees[axis] > 1)
    return [plan["cluster"], f"{best['ranks']:,}", plan["gpus_there"] or "-",
            f"{best['days']:.0f} ({best['days_low']:.0f} to {best['days_high']:.0f})",
            amount(best["dollars"], 1e6), amount(best["energy_mwh"], 1e3),
            f"{100 * best['mfu']:.0f} %", f"{100 * best['goodput']:.0f} %",
            f"{best['global_batch_sequences']:,}", text]


def table(rows):
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip() for cells in rows)


def main(paths):
    plans = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            plans.append(json.load(file))
    print(table([COLUMNS] + [row(plan) for plan in plans]))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
