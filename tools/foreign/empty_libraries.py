#!/usr/bin/env python3
"""Lets PyTorch's wheel be imported where CUDA's libraries are not.

    empty_libraries.py TORCH OUT

PyPI's wheel for Linux is linked against some 4 GB of CUDA libraries that a training on the CPU never calls, but without
which, or with others than its own versions, the loader refuses it. For each of them this compiles a library into the
folder OUT with its name and the symbols that torch expects of it; a call of one says so and aborts. TORCH is the folder
that holds torch/. Leaves out libcudart and libcupti: torch calls them on the CPU too, so they must be real.
"""
import collections
import pathlib
import re
import subprocess
import sys

REAL = ("libcudart.so.13", "libcupti.so.13")
# Libraries whose symbols carry no version are known by how their symbols begin.
PREFIXES = {"cuFile": "libcufile", "cusparseLt": "libcusparseLt", "nccl": "libnccl"}


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def cuda_libraries(libraries):
    """The names of those that `libraries` need, but for the two that must be real."""
    needed = set()
    for library in libraries:
        needed |= set(re.findall(r"\(NEEDED\).*\[((?:libcu|libnv|libnccl)[^\]]*)\]", output_of("readelf", "-d", str(library))))
    return needed - set(REAL)


def missing_real_libraries(libraries):
    found = "".join(output_of("ldd", str(library)) for library in libraries)
    return [name for name in REAL if re.search(rf"^\s*{re.escape(name)} => not found", found, re.M)]


def expected_symbols(library, missing):
    """{library that should have it: {version or "": {symbol}}} of the undefined symbols of `library`."""
    expected = collections.defaultdict(lambda: collections.defaultdict(set))
    owner = {}
    file = None
    for line in output_of("readelf", "-W", "-V", str(library)).splitlines():
        if match := re.search(r"File: (\S+)", line):
            file = match.group(1)
        elif (match := re.search(r"Name: (\S+) .*Version: \d+", line)) and file:
            owner[match.group(1)] = file
    for line in output_of("readelf", "-W", "--dyn-syms", str(library)).splitlines():
        match = re.search(r"\bUND (\w+)(?:@+(\S+))?", line)
        if not match:
            continue
        symbol, version = match.group(1), match.group(2) or ""
        begin = next((library for prefix, library in PREFIXES.items() if symbol.startswith(prefix)), None)
        name = owner.get(version) if version else next((m for m in missing if begin and m.startswith(begin + ".")), None)
        if name in missing:
            expected[name][version].add(symbol)
    return expected


def compile_empty(name, symbols, out):
    source, script = out / f"{name}.c", out / f"{name}.map"
    body = "".join(f"void {symbol}(void) {{ absent(\"{symbol}\"); }}\n"
                   for group in symbols.values() for symbol in sorted(group))
    source.write_text("#include <stdio.h>\n#include <stdlib.h>\n"
                      "static void absent(const char* symbol) {\n"
                      f"  fprintf(stderr, \"%s was called, but {name} is not installed\\n\", symbol);\n  abort();\n}}\n" + body)
    script.write_text("".join(f"{version} {{ global: {' '.join(s + ';' for s in sorted(group))} }};\n"
                              for version, group in symbols.items() if version))
    command = ["gcc-12", "-shared", "-fPIC", "-fno-builtin", "-w", "-o", str(out / name), str(source), f"-Wl,-soname,{name}"]
    if any(symbols):
        command.append(f"-Wl,--version-script={script}")
    subprocess.run(command, check=True)
    source.unlink()
    script.unlink()


def main():
    torch, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    libraries = sorted((torch / "torch" / "lib").glob("libtorch*.so")) + sorted((torch / "torch" / "lib").glob("libc10*.so"))
    if not libraries:
        sys.exit(f"{torch}/torch/lib: there is no libtorch in it")
    for name in missing_real_libraries(libraries):
        sys.exit(f"{name} is missing: install a CUDA 13 toolkit, or nvidia-cuda-runtime and nvidia-cuda-cupti beside torch")
    missing = cuda_libraries(libraries)
    symbols = {name: collections.defaultdict(set) for name in missing}
    for library in libraries:
        for name, versions in expected_symbols(library, missing).items():
            for version, group in versions.items():
                symbols[name][version] |= group
    for name in sorted(missing):
        compile_empty(name, symbols[name], out)
        print(f"{name}: empty, with {sum(map(len, symbols[name].values()))} symbols")


if __name__ == "__main__":
    main()
