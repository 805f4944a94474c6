#!/usr/bin/env python3
"""How long whole trainings take to live: wall and processor time, and the most memory. ./dev bench --lives runs this.

    plan        of the first cluster alone: what each contender of the comparison costs before it is lived
    compare     July 2024, 200 worlds, four clusters, as text
    report      the same as a page with its charts

One life of a training: ./dev bench life_bench.
"""
import argparse
import os
import pathlib
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]


def timed(*command):
    """Wall seconds, processor seconds, peak memory in MB of a program that must succeed."""
    begin = time.monotonic()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, used = os.wait4(child, 0)
    wall = time.monotonic() - begin
    if status != 0:
        raise SystemExit(f"{' '.join(command)}: exit code {os.waitstatus_to_exitcode(status)}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--worlds", type=int, default=200)
    options = parser.parse_args()
    celere, run, worlds = f"{options.build}/celere", str(ROOT / "examples/july-2024.toml"), str(options.worlds)
    with tempfile.TemporaryDirectory() as folder:
        for name, command in (("plan", (celere, "plan", run)),
                              ("compare", (celere, "compare", run, "--replicas", worlds)),
                              ("report", (celere, "report", run, "--replicas", worlds, "--output", f"{folder}/page.html", "--svg", folder))):
            wall, processor, memory = timed(*command)
            print(f"{name:8} {wall:7.1f} s wall {processor:7.1f} s processor {memory:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
