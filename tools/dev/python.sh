# Python for ./dev: the torch wheel, which the worker links against too, and the environment of the foreign tests and peers.
# Both lie in the user's cache and are made once: in a folder beside it that is renamed when it is whole.

torch_version=2.15.0
cache_folder="${XDG_CACHE_HOME:-$HOME/.cache}/celere"
toolkit_libraries=/usr/local/cuda/lib64   # of a CUDA 13 toolkit, where there is one

# moved FROM TO: another who was quicker has made the same.
moved() { mv -T "$1" "$2" 2>/dev/null || { [ -d "$2" ] && rm -rf "$1"; }; }

pip_install() {   # FOLDER [arguments of pip]: exactly what is named
  local folder=$1 log; shift
  log=$(mktemp)
  python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip >&2
  python3 -m pip install --quiet --no-deps --no-warn-conflicts --root-user-action=ignore --target "$folder" "$@" \
    >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; return 1; }
  rm -f "$log"
}

cuda_runtime_is_missing() {   # TORCH
  LD_LIBRARY_PATH="$toolkit_libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" ldd "$1/torch/lib/libtorch_cpu.so" |
    grep -q 'libcu[a-z]*\.so\.13 => not found'
}

# Prints the folder that holds torch/ of PyPI's wheel; installs it at need. Where no CUDA 13 toolkit has libcudart and
# libcupti, they lie in its nvidia/cu13/lib, where torch's libraries look for them.
torch_folder() {
  local folder="$cache_folder/torch-$torch_version" partial
  if [ ! -f "$folder/torch/lib/libtorch_cpu.so" ]; then
    say "Installing torch $torch_version (539 MB, once) in $folder"
    mkdir -p "$cache_folder"
    partial=$(mktemp -d "$cache_folder/torch-partial.XXXXXX")
    pip_install "$partial" "torch==$torch_version" || { rm -rf "$partial"; return 1; }
    if cuda_runtime_is_missing "$partial"; then
      pip_install "$partial" nvidia-cuda-runtime==13.2.75 nvidia-cuda-cupti==13.2.75 || { rm -rf "$partial"; return 1; }
    fi
    chmod 755 "$partial"
    moved "$partial" "$folder" || return 1
  fi
  if cuda_runtime_is_missing "$folder"; then
    say "libcudart.so.13 or libcupti.so.13 is missing: install a CUDA 13 toolkit, or remove $folder and repeat"
    return 1
  fi
  echo "$folder"
}

# A change of what it is made from gives another folder.
foreign_folder() {
  local version
  version=$(cat tools/foreign/requirements.txt tools/foreign/empty_libraries.py <(python3 --version; echo "$torch_version") |
    sha256sum | cut -c1-12)
  echo "$cache_folder/foreign-$version"
}

foreign_is_there() { [ -f "$(foreign_folder)/complete" ] && [ -f "$cache_folder/torch-$torch_version/torch/version.py" ]; }

make_foreign() {
  foreign_is_there && return
  local folder torch partial
  torch=$(torch_folder) || return 1
  folder=$(foreign_folder)
  say "Installing the programs of others (180 MB, once) in $folder"
  partial=$(mktemp -d "$cache_folder/foreign-partial.XXXXXX")
  chmod 755 "$partial"
  { pip_install "$partial/packages" -r tools/foreign/requirements.txt &&
    python3 tools/foreign/empty_libraries.py "$torch" "$partial/libraries" >/dev/null &&
    python_of "$partial" -c "import torch, transformers, tokenizers, tensorboard, sentencepiece, safetensors" &&
    touch "$partial/complete"; } || { rm -rf "$partial"; return 1; }
  moved "$partial" "$folder"
}

# python_of FOLDER [arguments of python3]: with its packages, and no other but Python's own
python_of() {
  local folder=$1; shift
  PYTHONPATH="$folder/packages:$cache_folder/torch-$torch_version" PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 \
    LD_LIBRARY_PATH="$folder/libraries:$toolkit_libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" python3 "$@"
}

foreign_python() { python_of "$(foreign_folder)" "$@"; }

test_foreign() {   # with the programs of others; a test that lacks its input fails
  make_foreign
  say "What programs of others say of ours"
  build_worker
  foreign_python tests/foreign/run.py
}

# Those that are installed already; a plain ./dev test does not download gigabytes.
test_foreign_if_there() {
  if foreign_is_there; then test_foreign; else say "Skipped the foreign tests: ./dev test --foreign installs what they need"; fi
}

bench_peers() {   # [arguments of bench/peers/run.py]
  missing_packages libpython3-dev | grep -q . && install_packages libpython3-dev   # torch.compile builds against it
  make_foreign
  build_worker
  foreign_python bench/peers/run.py "$@"
}
