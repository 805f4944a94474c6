#!/usr/bin/env python3
"""Runs clang-tidy on every source of the project, two at a time; what passed before in the same form is not run again.

    clang_tidy.py BUILD_FOLDER CACHE_FOLDER

The form is the hash of the file, of every project header it can include, of its command line and of .clang-tidy.
"""
import concurrent.futures
import hashlib
import json
import pathlib
import re
import subprocess
import sys

TOOL = "clang-tidy-19"
# The command lines are GCC's: clang knows other warnings.
ARGUMENTS = ["--quiet", "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-deprecated-declarations"]
ROOT = pathlib.Path(__file__).resolve().parents[2]


def headers_of(path, seen):
    for name in re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.M):
        header = ROOT / "src" / name
        if header.exists() and header not in seen:
            seen.add(header)
            headers_of(header, seen)
    return seen


def form_of(path, command):
    digest = hashlib.sha256(command.encode())
    for part in [ROOT / ".clang-tidy", path, *sorted(headers_of(path, set()))]:
        digest.update(part.read_bytes())
    return digest.hexdigest()


def check(path, form, build, cache):
    stamp = cache / form
    if stamp.exists():
        return ""
    run = subprocess.run([TOOL, "-p", build, *ARGUMENTS, str(path)], capture_output=True, text=True, check=False)
    if run.returncode == 0:
        stamp.touch()
        return ""
    return run.stdout + run.stderr


def main(build, cache):
    cache = pathlib.Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    jobs = []
    with open(f"{build}/compile_commands.json", encoding="utf-8") as file:
        for entry in json.load(file):
            path = pathlib.Path(entry["file"])
            if path.suffix == ".cpp" and path.is_relative_to(ROOT / "src"):
                jobs.append((path, form_of(path, entry["command"])))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        complaints = list(pool.map(lambda job: check(*job, build, cache), jobs))
    complaints = [text for text in complaints if text]
    print("\n".join(complaints) if complaints else f"clang-tidy: {len(jobs)} files are fine")
    return 1 if complaints else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
