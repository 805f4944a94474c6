#!/usr/bin/env python3
"""Reads shards from the description of Megatron-LM's indexed format, with nothing but the standard library.

    read_shards.py PATH...        PATH.bin and PATH.idx each; prints JSON: documents, tokens, and the first documents

    idx = "MMIDIDX" and two zero bytes | version: u64 = 1 | type: u8 | sequences: u64 | documents: u64
          | sizes: i32 each | pointers: i64 each, in bytes of the .bin | documents: i64 each
"""
import json
import struct
import sys

TYPES = {1: "B", 2: "b", 3: "h", 4: "i", 5: "q", 6: "d", 7: "f", 8: "H"}
FIRST = 5


def read(path):
    """All documents of a shard, as lists of tokens."""
    with open(path + ".idx", "rb") as file:
        index = file.read()
    if index[:9] != b"MMIDIDX\x00\x00":
        raise SystemExit(f"{path}.idx: another magic")
    version, kind, sequences, documents = struct.unpack_from("<QBQQ", index, 9)
    if version != 1:
        raise SystemExit(f"{path}.idx: version {version}")
    at = 9 + 8 + 1 + 8 + 8
    sizes = struct.unpack_from(f"<{sequences}i", index, at)
    at += 4 * sequences
    pointers = struct.unpack_from(f"<{sequences}q", index, at)
    at += 8 * sequences
    marks = struct.unpack_from(f"<{documents}q", index, at)
    if at + 8 * documents != len(index):
        raise SystemExit(f"{path}.idx: has more bytes than it speaks of")
    with open(path + ".bin", "rb") as file:
        tokens = file.read()
    sequence = [list(struct.unpack_from(f"<{size}{TYPES[kind]}", tokens, pointer)) for size, pointer in zip(sizes, pointers)]
    return [sum(sequence[first:last], []) for first, last in zip(marks, marks[1:])]


def main(paths):
    documents = [document for path in paths for document in read(path)]
    print(json.dumps({"documents": len(documents), "tokens": sum(map(len, documents)), "first": documents[:FIRST]}))


if __name__ == "__main__":
    main(sys.argv[1:])
