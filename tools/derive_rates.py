#!/usr/bin/env python3
"""Brings the sustained rates that follow from fitted ones up to date in catalog/chips/: run it after `celere fit --write`."""

import pathlib
import re
import sys

FACT = re.compile(r'^(\w+) = \{ is = "([\d.]+) TFLOP/s"(.*)$')


def rates(lines, table):
    inside, found = False, {}
    for number, line in enumerate(lines):
        if line.startswith("["):
            inside = line.startswith(f"[{table}]")
        match = FACT.match(line) if inside else None
        if match:
            found[match[1]] = (number, float(match[2]), match[3])
    return found


def main(folder):
    chips = {path.stem: path.read_text().splitlines() for path in sorted(folder.glob("*.toml"))}
    sustained = {name: rates(lines, "sustained") for name, lines in chips.items()}
    same_die = {
        ("h200-sxm", "bf16"): ("h100-sxm", 1),
        ("h800-sxm", "bf16"): ("h100-sxm", 1), ("h800-sxm", "fp8"): ("h100-sxm", 1),
        ("gh200", "bf16"): ("h100-sxm", 828.6 / 794.5), ("gh200", "fp8"): ("h100-sxm", 1535 / 1402.6),
        ("a800-80", "bf16"): ("a100-80", 1),
    }
    for (name, key), (like, ratio) in same_die.items():
        number, _, rest = sustained[name][key]
        chips[name][number] = f'{key} = {{ is = "{sustained[like][key][1] * ratio:.0f} TFLOP/s"{rest}'
    for name, lines in chips.items():
        own, peak = rates(lines, "sustained"), rates(lines, "peak")
        if "fp32" in own:
            number, _, rest = own["fp32"]
            share = own["bf16"][1] / peak["bf16"][1]
            rest = re.sub(r"\([\d.]+ of [\d.]+\)", f"({own['bf16'][1]:.0f} of {peak['bf16'][1]:.0f})", rest)
            lines[number] = f'fp32 = {{ is = "{peak["fp32"][1] * share:.0f} TFLOP/s"{rest}'
        (folder / f"{name}.toml").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "catalog/chips"))
