#!/usr/bin/env python3
"""Compiles a case that must not compile, and looks for the reason in what the compiler says.

    run.py COMPILER INCLUDE_FOLDER CASE.cpp

The first line of a case is "// refused: TEXT" (TEXT stands in the compiler's output) or "// accepted": the control that the rest
of the command line is right.
"""
import os
import pathlib
import subprocess
import sys


def main(compiler, include, case):
    first = pathlib.Path(case).read_text(encoding="utf-8").splitlines()[0]
    command = [compiler, "-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only", f"-I{include}", case]
    plain = dict(os.environ, LC_ALL="C")  # quotes in ASCII
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if first == "// accepted":
        print(said)
        return 0 if done.returncode == 0 else 1
    reason = first.removeprefix("// refused: ")
    if done.returncode == 0:
        print(f"{case} compiles, and must not")
        return 1
    if reason not in said:
        print(f"{case} is refused, but not because of: {reason}\n{said}")
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
