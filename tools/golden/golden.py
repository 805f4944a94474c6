#!/usr/bin/env python3
"""Runs a transcript of the command line and compares what it prints.

    golden.py [--update] TRANSCRIPT PROGRAM_FOLDER

A transcript holds commands ("$ celere plan x.toml"), below each what it prints (standard output, then standard error), and
"? 2" where the exit code is not 0. A line "..." stands for any number of lines, "..." inside a line for any text. Lines that
begin with "# " before the first command are a comment. PROGRAM_FOLDER is put in front of PATH; commands run in the root of
the project. --update writes what was printed into the transcript (and forgets its wildcards).
"""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def parse(text):
    """The comment, and (command, exit code, expected lines) of each command."""
    head, commands = [], []
    for line in text.splitlines():
        if line.startswith("$ "):
            commands.append([line[2:], 0, []])
        elif not commands:
            head.append(line)
        elif line.startswith("? ") and not commands[-1][2]:
            commands[-1][1] = int(line[2:])
        else:
            commands[-1][2].append(line)
    return head, commands


def line_matches(expected, actual):
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split("...")), actual) is not None


def matches(expected, actual):
    """Whether the lines fit; a line of "..." takes any number of them."""
    if not expected:
        return not actual
    if expected[0] == "...":
        return any(matches(expected[1:], actual[i:]) for i in range(len(actual) + 1))
    return bool(actual) and line_matches(expected[0], actual[0]) and matches(expected[1:], actual[1:])


def run(command, folder):
    environment = dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}", HOME="/nonexistent", COLUMNS="100")
    environment.pop("XDG_CONFIG_HOME", None)
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def main(path, folder, update):
    head, commands = parse(path.read_text(encoding="utf-8"))
    written, wrong = list(head), 0
    for command, code, expected in commands:
        actual_code, actual = run(command, folder)
        written += [f"$ {command}"] + ([f"? {actual_code}"] if actual_code else []) + actual
        if update:
            continue
        while expected and expected[-1] == "" and not (actual and actual[-1] == ""):
            expected = expected[:-1]
        if actual_code != code or not matches(expected, actual):
            wrong += 1
            print(f"{path.name}: $ {command}\n--- expected (exit code {code})")
            print("\n".join(expected) + f"\n--- printed (exit code {actual_code})\n" + "\n".join(actual))
    if update:
        path.write_text("\n".join(written) + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    arguments = [one for one in sys.argv[1:] if one != "--update"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(arguments[0]).resolve(), pathlib.Path(arguments[1]).resolve(), "--update" in sys.argv))
