"""A checkpoint of ours, read by Hugging Face's safetensors: each piece that the manifest names is there, with its type and
shape and finite values, and the pieces of a tensor tile it.

    checkpoint_test.py RUN_DIRECTORY
"""
import json
import pathlib
import sys

import numpy
import torch
from safetensors import safe_open

TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
         "I32": torch.int32, "U8": torch.uint8, "BOOL": torch.bool}


def compare_tensor(tensor, files, used):
    """Pieces that tile it: each place of the tensor is covered once."""
    covered = numpy.zeros(tensor["shape"], dtype=numpy.int8)
    for piece in tensor["pieces"]:
        key = piece.get("key", tensor["name"])
        if key not in files[piece["file"]].keys():
            sys.exit(f"{tensor['name']}: file {piece['file']} has no {key}")
        value = files[piece["file"]].get_tensor(key)
        if list(value.shape) != list(piece["extent"]) or value.dtype != TYPES[tensor["dtype"]]:
            sys.exit(f"{tensor['name']}: {value.dtype} {list(value.shape)} in the file, "
                     f"{tensor['dtype']} {piece['extent']} in the manifest")
        if value.is_floating_point() and not torch.isfinite(value).all():
            sys.exit(f"{tensor['name']}: a value is not finite")
        covered[tuple(slice(at, at + size) for at, size in zip(piece["offset"], piece["extent"]))] += 1
        used.add((piece["file"], key))
    if not (covered == 1).all():
        sys.exit(f"{tensor['name']}: its pieces do not tile {tensor['shape']}")


def compare_checkpoint(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    paths = [folder / file["name"] for file in manifest["files"]]
    for path, file in zip(paths, manifest["files"]):
        if path.stat().st_size != file["bytes"]:
            sys.exit(f"{path}: {path.stat().st_size} bytes, and {file['bytes']} by the manifest")
    files, used = [safe_open(path, "pt") for path in paths], set()
    for tensor in manifest["tensors"]:
        compare_tensor(tensor, files, used)
    unused = {(i, key) for i, file in enumerate(files) for key in file.keys()} - used
    if unused or not used:
        sys.exit(f"{folder}: {len(used)} pieces, and some that the manifest does not name: {sorted(unused)[:3]}")
    print(f"safetensors: {folder.name}: {len(manifest['tensors'])} tensors in {len(files)} files, as the manifest says")


def main():
    checkpoints = sorted(path.parent for path in (pathlib.Path(sys.argv[1]) / "checkpoints").glob("*/manifest.json"))
    if not checkpoints:
        sys.exit(f"{sys.argv[1]}: has no committed checkpoint")
    for folder in checkpoints:
        compare_checkpoint(folder)


main()
