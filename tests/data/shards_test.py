#!/usr/bin/env python3
"""Builds a small corpus with celere and reads its shards by the description of their format: both must agree.

    shards_test.py CELERE
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import read_shards  # noqa: E402

RUN = str(pathlib.Path(__file__).with_name("words.toml"))


def check(what, got, expected):
    if got != expected:
        raise SystemExit(f"{what}: {got!r}, expected {expected!r}")


def celere(program, *arguments):
    done = subprocess.run([program, "data", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        code, _, errors = celere(program, "show", RUN, "--folder", folder)
        check("show before build", (code, "holds no corpus" in errors), (2, True))
        code, _, errors = celere(program, "build", RUN, "--folder", folder, "--json")
        check("build", (code, errors), (0, ""))
        code, text, _ = celere(program, "show", RUN, "--folder", folder, "--json", "--verify", "--documents", "1000000")
        check("show", code, 0)
        shown = json.loads(text)
        source = shown["sources"][0]
        check("editions", len(source["training"]), 2)
        if len(source["training"][0]) < 2:
            raise SystemExit("shards of 4096 bytes: there should be several")
        for shards in source["training"] + [source["validation"]]:
            for shard in shards:
                documents = read_shards.read(shard["path"])
                check(shard["path"], (len(documents), sum(map(len, documents))), (shard["documents"], shard["tokens"]))
        read = [document for shard in source["training"][0] for document in read_shards.read(shard["path"])]
        check("documents", read, [document["tokens"] for document in shown["documents"]])
        texts = [document["text"] for document in shown["documents"]]
        check("violin", sum("violin" in text.split(" -> ")[0] for text in texts), 1)
        # One bit of one token: only --verify can know.
        path = pathlib.Path(source["training"][0][0]["path"] + ".bin")
        content = bytearray(path.read_bytes())
        content[7] ^= 1
        path.write_bytes(content)
        code, _, errors = celere(program, "show", RUN, "--folder", folder, "--verify")
        check("a flipped bit", (code, "has other bytes than when the corpus was made" in errors), (2, True))
        path.write_bytes(content[:-1])
        code, _, errors = celere(program, "show", RUN, "--folder", folder)
        check("a shard cut short", (code, "speaks of" in errors), (2, True))
    print("shards agree")


if __name__ == "__main__":
    main(sys.argv[1])
