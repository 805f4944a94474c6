"""A corpus that `celere data build` made, read by others: its shards by megatron-core's IndexedDataset and by numpy from the
format's description, its tokens turned into text by sentencepiece's own package.

    shards_test.py CORPUS TEXTS SHOWN

TEXTS is the JSON lines file that the corpus was made from, SHOWN what `celere data show --json --documents N` printed.
"""
import collections
import json
import pathlib
import sys

import numpy
import sentencepiece
from megatron.core.datasets.indexed_dataset import IndexedDataset

TYPES = {4: numpy.int32, 8: numpy.uint16}


def read_with_numpy(prefix):
    """The documents of a shard, from the description of the format in src/tokens/shard.hpp."""
    idx = pathlib.Path(f"{prefix}.idx").read_bytes()
    if idx[:9] != b"MMIDIDX\0\0" or int.from_bytes(idx[9:17], "little") != 1:
        sys.exit(f"{prefix}.idx: is no index of version 1")
    kind = TYPES[idx[17]]
    sequences, documents = (int(n) for n in numpy.frombuffer(idx, numpy.uint64, 2, 18))
    sizes = numpy.frombuffer(idx, numpy.int32, sequences, 34)
    pointers = numpy.frombuffer(idx, numpy.int64, sequences, 34 + 4 * sequences)
    first = numpy.frombuffer(idx, numpy.int64, documents, 34 + 12 * sequences)
    if len(idx) != 34 + 12 * sequences + 8 * documents or list(first) != list(range(sequences + 1)):
        sys.exit(f"{prefix}.idx: {len(idx)} bytes, {sequences} sequences, {documents} documents do not go together")
    content = pathlib.Path(f"{prefix}.bin").read_bytes()
    if len(content) != int(sizes.sum()) * kind().itemsize:
        sys.exit(f"{prefix}.bin: {len(content)} bytes for {sizes.sum()} tokens")
    return [numpy.frombuffer(content, kind, size, pointer) for size, pointer in zip(sizes.tolist(), pointers.tolist())]


def compare_shard(folder, shard):
    prefix = str(folder / shard["name"])
    by_numpy, by_megatron = read_with_numpy(prefix), IndexedDataset(prefix)
    if len(by_numpy) != len(by_megatron) or len(by_numpy) != shard["documents"]:
        sys.exit(f"{prefix}: {len(by_numpy)} documents by numpy, {len(by_megatron)} by megatron-core, "
                 f"{shard['documents']} by the manifest")
    if list(by_megatron.document_indices) != list(range(len(by_numpy) + 1)):
        sys.exit(f"{prefix}: megatron-core finds other documents")
    for i, document in enumerate(by_numpy):
        if not numpy.array_equal(document, by_megatron[i]):
            sys.exit(f"{prefix}: document {i} is {document} by numpy and {by_megatron[i]} by megatron-core")
    if sum(map(len, by_numpy)) != shard["tokens"]:
        sys.exit(f"{prefix}: {sum(map(len, by_numpy))} tokens, and {shard['tokens']} by the manifest")
    return by_numpy


def compare_text(folder, documents, texts):
    """Every document of the source comes back, and nothing else."""
    words = json.loads((folder / "tokenizer" / "tokenizer.json").read_text())
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer" / words["model"]))
    end = words["special"]["<|end|>"]
    if any(document[-1] != end or end in document[:-1] for document in documents):
        sys.exit(f"{folder}: a document does not end with <|end|>, or has one before its end")
    found = collections.Counter(processor.decode(document[:-1].tolist()) for document in documents)
    wanted = collections.Counter(json.loads(line)["text"] for line in texts.read_text().splitlines())
    if found != wanted:
        sys.exit(f"{folder}: texts that came back wrong: {list((found - wanted).items())[:3]}, "
                 f"that are missing: {list((wanted - found).items())[:3]}")


def main():
    folder, texts, shown = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), json.loads(pathlib.Path(sys.argv[3]).read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    training, validation = [], []
    for source in manifest["sources"]:
        for shard in source["training"][0]:
            training += compare_shard(folder, shard)
        for shard in source["validation"]:
            validation += compare_shard(folder, shard)
    if not training or not validation:
        sys.exit(f"{folder}: {len(training)} documents to train with and {len(validation)} to validate: both were wanted")
    compare_text(folder, training + validation, texts)
    if not shown["documents"]:
        sys.exit("celere data show printed no documents")
    for i, document in enumerate(shown["documents"]):
        if document["tokens"] != training[i].tolist():
            sys.exit(f"document {i} is {document['tokens']} by celere data show and {training[i].tolist()} in the shard")
    print(f"shards: {len(training)} + {len(validation)} documents, {sum(map(len, training + validation))} tokens, "
          "the same to megatron-core, numpy and sentencepiece")


main()
