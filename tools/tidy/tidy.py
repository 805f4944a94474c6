#!/usr/bin/env python3
"""Checks what a program can check of the house style. Prints each fault as FILE:LINE: TEXT; exits 1 if there is one.

    tidy.py [ROOT]

Floors (src/FLOORS): no include upwards or sideways. Files of at most 500 lines, functions of at most 70, lines of at most
100 columns. Every source, test, bench and fuzzer is built by some CMakeLists.txt. Every folder of src/ has a README.md of at
most 30 lines. No leftover markers, no banned calls, no command in the docs that does not exist.
"""
import pathlib
import re
import sys

FILE_LINES, FUNCTION_LINES, COLUMNS, README_LINES = 500, 70, 100, 30
MARKERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# What is banned, where it is allowed, and what to write instead.
BANNED = [
    (re.compile(r"\bstd::rand\b|\bsrand\("), (), "base/prng.hpp"),
    (re.compile(r"\bsystem_clock::now\b|\bsteady_clock::now\b|\btime\(nullptr\)"), ("base",), "an injected clock"),
    (re.compile(r"\bstd::cout\b|\bstd::cerr\b|\bprintf\("), ("cli",), "a returned text: below cli/ nothing prints"),
    (re.compile(r"\bfprintf\(|\bputs\("), ("base", "cli"), "a returned text: below cli/ nothing prints"),
    (re.compile(r"(?<![_\w])(exit|abort|_exit)\("), ("base", "cli"), "a Result: below cli/ nothing exits"),
    (re.compile(r"(?<![_\w])assert\("), (), "CHECK, which stays on in release"),
    (re.compile(r"\b(atoi|atof|std::stoi|std::stod|std::stol)\("), (), "parse_written or the TOML reader"),
    (re.compile(r"\bstd::regex\b"), (), "a hand-written parser"),
]
SOURCES = (".cpp", ".hpp")


class Checker:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.faults = []

    def fault(self, path, line, text):
        self.faults.append(f"{path.relative_to(self.root)}:{line}: {text}")

    def run(self):
        floors = self.floors()
        files = sorted(path for folder in ("src", "tests") for path in (self.root / folder).rglob("*")
                       if path.suffix in SOURCES)
        for path in files:
            lines = path.read_text(encoding="utf-8").splitlines()
            self.check_size(path, lines)
            self.check_functions(path, lines)
            self.check_words(path, lines)
            if path.is_relative_to(self.root / "src"):
                self.check_includes(path, lines, floors)
        self.check_built(files)
        self.check_readmes(floors)
        self.check_docs()
        return self.faults

    def floors(self):
        floors = {}
        for line in (self.root / "src" / "FLOORS").read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                number, *folders = line.split()
                floors.update({folder: int(number) for folder in folders})
        return floors

    def check_size(self, path, lines):
        if len(lines) > FILE_LINES:
            self.fault(path, len(lines), f"{len(lines)} lines: past {FILE_LINES} there are two things in a file")
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS and "http" not in line:
                self.fault(path, number, f"{len(line)} columns of {COLUMNS}")

    def check_functions(self, path, lines):
        """A function begins where a line without indent (or with two blanks, in a class) opens a brace after ')'."""
        begin, indent = None, ""
        for number, line in enumerate(lines, 1):
            opened = re.match(r"^( {0,2})(?! |namespace|class|struct|enum|union|extern|#|//|\}).*\)[^;]*\{$", line)
            # The last initialiser of a constructor, whose body ends four blanks further left.
            opened = opened or re.match(r"^( {0,2}) {4}: .*\)[^;]*\{$", line)
            opened = opened or re.match(r"^( {4})[^ :].*\) [^;]*\{$", line) if begin is None else None
            if opened and begin is None:
                begin, indent = number, opened.group(1)
            elif begin is not None and re.match(rf"^{indent}\}}", line):
                if number - begin + 1 > FUNCTION_LINES:
                    self.fault(path, begin, f"a function of {number - begin + 1} lines: at most {FUNCTION_LINES}")
                begin = None

    def check_words(self, path, lines):
        folder = path.relative_to(self.root).parts[1] if len(path.relative_to(self.root).parts) > 2 else ""
        for number, line in enumerate(lines, 1):
            if MARKERS.search(line):
                self.fault(path, number, "a leftover marker")
            code = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])
            if path.relative_to(self.root).parts[0] == "tests":  # its programs are mains: they print and end
                continue
            for pattern, allowed, instead in BANNED:
                if pattern.search(code) and folder not in allowed and "_bench" not in path.name:
                    self.fault(path, number, f"{pattern.search(code).group(0)} is banned: use {instead}")

    def check_includes(self, path, lines, floors):
        own = path.relative_to(self.root / "src").parts[0]
        if own not in floors:
            self.fault(path, 1, f"src/{own} stands on no floor of src/FLOORS")
            return
        for number, line in enumerate(lines, 1):
            match = re.match(r'#include "([^"/]+)/', line)
            if not match or match.group(1) == own:
                continue
            other = match.group(1)
            if other not in floors:
                self.fault(path, number, f"includes {other}/, which stands on no floor of src/FLOORS")
            elif floors[other] >= floors[own]:
                way = "sideways" if floors[other] == floors[own] else "upwards"
                self.fault(path, number, f"includes {way}: {own}/ is on floor {floors[own]}, {other}/ on {floors[other]}")

    def check_built(self, files):
        for path in files:
            if path.suffix != ".cpp":
                continue
            listed = any(re.search(rf"(^|[\s/]){re.escape(path.name)}\b", (folder / "CMakeLists.txt").read_text())
                         for folder in (path.parent, path.parent.parent) if (folder / "CMakeLists.txt").exists())
            if not listed:
                self.fault(path, 1, "no CMakeLists.txt builds this")

    def check_readmes(self, floors):
        for folder in sorted((self.root / "src").iterdir()):
            if not folder.is_dir():
                continue
            readme = folder / "README.md"
            if not readme.exists():
                self.fault(folder, 1, "a folder without its README.md")
            elif len(readme.read_text(encoding="utf-8").splitlines()) > README_LINES:
                self.fault(readme, 1, f"more than {README_LINES} lines")

    def check_docs(self):
        verbs = set(re.findall(r'add_subcommand\(\s*"(\w+)"', "".join(
            path.read_text(encoding="utf-8") for path in (self.root / "src" / "cli").glob("*.cpp"))))
        dev = self.root / "dev"
        dev_verbs = set(re.findall(r"^\./dev (\w+)", dev.read_text(encoding="utf-8"), re.M)) if dev.exists() else set()
        for path in [self.root / "README.md", *sorted((self.root / "docs").glob("*.md"))]:
            if not path.exists():
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                for verb in re.findall(r"(?:^|`|\$ )(?:build/)?celere ([a-z]+)", line):
                    if verb not in verbs:
                        self.fault(path, number, f"celere has no verb {verb}")
                for verb in re.findall(r"\./dev ([a-z]+)", line):
                    if verb not in dev_verbs:
                        self.fault(path, number, f"./dev has no verb {verb}")
                for name in re.findall(r"\b(?:examples|docs|src|catalog|tools)/[\w./-]*\w\.\w+", line):
                    if not (self.root / name).exists():
                        self.fault(path, number, f"{name} does not exist")


if __name__ == "__main__":
    found = Checker(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).run()
    print("\n".join(found) if found else "tidy: nothing to complain about")
    sys.exit(1 if found else 0)
