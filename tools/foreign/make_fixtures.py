#!/usr/bin/env python3
"""Tiny models of transformers with their weights, logits, loss and gradients: what our own modules are judged by.

    make_fixtures.py OUT            writes OUT/NAME.safetensors, one a model
    make_fixtures.py --compare OUT  makes them again and holds them against those in OUT; exits 1 where they differ

Each file holds, in fp32:
    NAME         each weight, under the name that it has in a checkpoint of Hugging Face
    grad.NAME    the gradient of the loss by it
    input_ids    [batch, sequence], int64
    logits       [batch, sequence, vocab]
    loss         [1]: the mean cross-entropy of each next token, sequence - 1 a row
and in its metadata `model`, the same model in the words of our catalogue (TOML), and `config`, in those of transformers
(JSON). Attention is eager, dropout off, and a router's choices are so clear that rounding does not change them.

What differs from our own layout:
    a linear layer is [out, in], as ours; but GPT-2's are [in, out], and its c_attn is query, key and value in one;
    rotary pairs are (i, i + half) in all of them, as in our wq and wk; but DeepSeek's are (2 i, 2 i + 1), in the last
    qk_rope_head_dim rows of each head's q_b_proj and of kv_a_proj_with_mqa. Which order the rotated pairs get afterwards
    is without consequence, because queries and keys get the same.
    DeepSeek's e_score_correction_bias has no gradient: it only chooses.
"""
import json
import pathlib
import sys
import tempfile

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file

BATCH, SEQUENCE, VOCAB = 2, 12, 97
SEED = 20240722
COMMON = dict(vocab_size=VOCAB, num_hidden_layers=2, use_cache=False, attn_implementation="eager")
# Weights of this size keep all logits in one digit and every gradient far from fp32's rounding.
WEIGHT_STD, NORM_STD, BIAS_STD = 0.2, 0.1, 0.1
MARGIN_LEAST = 1e-3   # between the router's last choice and the next

MODELS = {
    "llama-tiny": (transformers.LlamaConfig, dict(
        COMMON, hidden_size=32, intermediate_size=72, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0}), """
hugging_face = "llama"
layers = 2
hidden = 32
ffn = 72
vocab = 97
context = 64
norm_epsilon = 1e-5

[attention]
heads = 4
kv_heads = 2
head_dim = 8
rope_theta = 500000
"""),
    "mixtral-tiny": (transformers.MixtralConfig, dict(
        COMMON, hidden_size=32, intermediate_size=36, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        max_position_embeddings=64, rms_norm_eps=1e-5, num_local_experts=4, num_experts_per_tok=2, sliding_window=None,
        tie_word_embeddings=False, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}), """
hugging_face = "mixtral"
layers = 2
hidden = 32
vocab = 97
context = 64
norm_epsilon = 1e-5

[attention]
heads = 4
kv_heads = 2
head_dim = 8
rope_theta = 1000000

[experts]
count = 4
top_k = 2
ffn = 36
"""),
    "gpt2-tiny": (transformers.GPT2Config, dict(
        vocab_size=VOCAB, n_layer=2, use_cache=False, attn_implementation="eager", n_embd=32, n_head=4, n_inner=128,
        n_positions=16, activation_function="gelu_new", layer_norm_epsilon=1e-5, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, tie_word_embeddings=True), """
hugging_face = "gpt2"
layers = 2
hidden = 32
ffn = 128
vocab = 97
context = 16
activation = "gelu"
norm = "layer"
norm_epsilon = 1e-5
position = "learned"
mlp_biases = true
norm_biases = true
tied_embeddings = true

[attention]
heads = 4
head_dim = 8
biases = true
output_bias = true
"""),
    "qwen3-moe-tiny": (transformers.Qwen3MoeConfig, dict(
        COMMON, hidden_size=32, num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=64,
        intermediate_size=64, moe_intermediate_size=24, num_experts=4, num_experts_per_tok=2, norm_topk_prob=True,
        decoder_sparse_step=1, mlp_only_layers=[], rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}), """
hugging_face = "qwen3-moe"
layers = 2
hidden = 32
vocab = 97
context = 64
norm_epsilon = 1e-6

[attention]
heads = 4
kv_heads = 2
head_dim = 16
query_key_norm = true
rope_theta = 1000000

[experts]
count = 4
top_k = 2
ffn = 24
"""),
    "deepseek-v3-tiny": (transformers.DeepseekV3Config, dict(
        COMMON, hidden_size=32, intermediate_size=64, moe_intermediate_size=16, num_attention_heads=4,
        num_key_value_heads=4, n_shared_experts=1, n_routed_experts=8, routed_scaling_factor=2.5, kv_lora_rank=16,
        q_lora_rank=24, qk_rope_head_dim=8, v_head_dim=12, qk_nope_head_dim=16, n_group=4, topk_group=2,
        num_experts_per_tok=3, first_k_dense_replace=1, norm_topk_prob=True, max_position_embeddings=64,
        rms_norm_eps=1e-6, rope_interleave=True, tie_word_embeddings=False, num_mtp_layers=0,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}), """
hugging_face = "deepseek-v3"
layers = 2
hidden = 32
ffn = 64
vocab = 97
context = 64
norm_epsilon = 1e-6

[attention]
kind = "latent"
heads = 4
head_dim = 24
value_dim = 12
query_rank = 24
kv_rank = 16
rope_dim = 8
rope_theta = 10000

[experts]
count = 8
top_k = 3
ffn = 16
shared_ffn = 16
first_dense = 1
groups = 4
group_limit = 2
router_bias = true
scoring = "sigmoid"
normalise = true
scale = 2.5
"""),
}
HEADER = 'source = "made by tools/foreign/make_fixtures.py"\ngrade = "assumption"'
PUBLISHED = """
[published]
parameters = { is = "unknown", grade = "assumption", from = "a model for tests" }
active = { is = "unknown", grade = "assumption", from = "a model for tests" }
"""


def fill(model, generator):
    """Every weight drawn anew: norms and biases too, so that one that is forgotten shows."""
    def draw(tensor, mean, std):
        tensor.copy_(mean + std * torch.randn(tensor.shape, generator=generator))

    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if name.endswith("bias"):
                draw(weight, 0.0, BIAS_STD)
            elif weight.dim() == 1:
                draw(weight, 1.0, NORM_STD)
            else:
                draw(weight, 0.0, WEIGHT_STD)
        for name, buffer in sorted(model.named_buffers()):
            if name.endswith("e_score_correction_bias"):
                draw(buffer, 0.0, BIAS_STD)


def checkpoint_of(model):
    """The model's tensors as transformers itself would write them: experts one by one, under a checkpoint's names."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(pathlib.Path(folder) / "model.safetensors")


def gradients_of(model, weights):
    """Writing is linear, so that gradients in the place of weights come out under the right names."""
    learned = {weight.data_ptr() for weight in model.parameters()}
    fixed = [name for name, buffer in model.named_buffers() if buffer.data_ptr() not in learned]
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.grad)
    return {f"grad.{name}": value for name, value in checkpoint_of(model).items()
            if name in weights and name not in fixed}


def router_margins(model, inputs):
    """The distances between the last expert (or group) that each token takes and the first that it does not."""
    margins = []

    def last_to_next(scores, chosen):
        best = scores.sort(dim=-1, descending=True).values
        margins.append((best[..., chosen - 1] - best[..., chosen]).min().item())

    def look(router, _, output):
        logits = output[0]
        if not hasattr(router, "e_score_correction_bias"):
            last_to_next(logits, router.top_k)
            return
        scores = logits.sigmoid() + router.e_score_correction_bias
        by_group = scores.view(len(scores), router.num_group, -1)
        of_group = by_group.topk(2, dim=-1).values.sum(dim=-1)
        last_to_next(of_group, router.topk_group)
        open_groups = torch.zeros_like(of_group).scatter(1, of_group.topk(router.topk_group).indices, 1).bool()
        last_to_next(by_group.masked_fill(~open_groups[..., None], -1e9).flatten(1), router.top_k)

    hooks = [module.register_forward_hook(look) for module in model.modules() if "TopKRouter" in type(module).__name__
             or "TopkRouter" in type(module).__name__]
    with torch.no_grad():
        model(**inputs)
    for hook in hooks:
        hook.remove()
    return margins, len(hooks)


def make(name):
    make_config, words, toml = MODELS[name]
    words = dict(words)
    attention = words.pop("attn_implementation")
    config = make_config(**words)
    config._attn_implementation = attention
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=attention).float().eval()
    generator = torch.Generator().manual_seed(SEED)
    fill(model, generator)
    tokens = torch.randint(VOCAB, (BATCH, SEQUENCE), generator=generator)
    margins, routers = router_margins(model, {"input_ids": tokens})
    if ("experts" in toml) != (routers > 0):
        sys.exit(f"{name}: {routers} routers were found in it")
    if margins and min(margins) < MARGIN_LEAST:
        sys.exit(f"{name}: a router chooses by a margin of only {min(margins):.1e}: take another SEED")
    weights = checkpoint_of(model)
    answer = model(input_ids=tokens, labels=tokens)
    answer.loss.backward()
    tensors = {**weights, "input_ids": tokens, "logits": answer.logits.detach(), "loss": answer.loss.detach().view(1)}
    tensors |= gradients_of(model, weights)
    top, _, rest = toml.strip().partition("\n\n")
    metadata = {"model": f"{HEADER}\n{top}\n\n{rest}\n{PUBLISHED}", "config": config.to_json_string(use_diff=True)}
    return {key: value.contiguous() for key, value in tensors.items()}, metadata


def differences(name, file, tensors, metadata):
    """Values may differ by 1e-6 of the greatest of their tensor, and by 1e-6 where that is less than one."""
    found = load_file(file)
    with safe_open(file, "pt") as opened:
        there = opened.metadata()
    if json.loads(there["config"]).keys() != json.loads(metadata["config"]).keys() or there["model"] != metadata["model"]:
        yield f"{name}: another model"
    if found.keys() != tensors.keys():
        yield f"{name}: other tensors: {sorted(found.keys() ^ tensors.keys())}"
        return
    for key, value in tensors.items():
        if found[key].shape != value.shape or found[key].dtype != value.dtype:
            yield f"{name}: {key}: {found[key].dtype} {list(found[key].shape)}, and {value.dtype} {list(value.shape)}"
            continue
        distance = (found[key].double() - value.double()).abs().max().item()
        if distance > 1e-6 * max(1.0, value.double().abs().max().item()):
            yield f"{name}: {key}: differs by {distance:.1e}"


def main():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    compare = sys.argv[1] == "--compare"
    folder = pathlib.Path(sys.argv[-1])
    faults = []
    for name in MODELS:
        tensors, metadata = make(name)
        file = folder / f"{name}.safetensors"
        if compare:
            if not file.is_file():
                faults.append(f"{file}: is not there")
                continue
            faults += differences(name, file, tensors, metadata)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            save_file(tensors, file, metadata)
            file.chmod(0o644)
            print(f"{file}: {len(tensors)} tensors, {file.stat().st_size} bytes, loss {tensors['loss'].item():.4f}")
    if faults:
        sys.exit("\n".join(faults))
    if compare:
        print(f"{len(MODELS)} fixtures are what transformers {transformers.__version__} makes")


if __name__ == "__main__":
    main()
