"""The decoders of the benches in plain PyTorch: a careful peer, with nothing in it that PyTorch does not bring."""
import dataclasses

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass(frozen=True)
class Setting:
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    sequence: int
    batch: int
    llama_like: bool    # RMSNorm, rotary, SwiGLU; else GPT-2: LayerNorm, learned positions, GELU
    biases: bool = False
    query_key_norm: bool = False


SETTINGS = {
    "d256": Setting(4, 256, 4, 2, 768, 4096, 128, 16, llama_like=True),
    # The vocabulary of 50257 padded to a multiple of 128, as those do who train it.
    "gpt2-4x64": Setting(12, 768, 12, 12, 3072, 50304, 64, 4, llama_like=False, biases=True),
    "gpt2-4x256": Setting(12, 768, 12, 12, 3072, 50304, 256, 4, llama_like=False, biases=True),
}


def rotated(x_bhtd, cosine_td, sine_td):
    half = x_bhtd.size(-1) // 2
    turned = torch.cat((-x_bhtd[..., half:], x_bhtd[..., :half]), dim=-1)
    return x_bhtd * cosine_td + turned * sine_td


class RmsNorm(nn.RMSNorm):
    """Under autocast a bf16 input would meet an fp32 weight, and PyTorch would leave its fused form."""

    def forward(self, x):
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


def make_norm(setting):
    if setting.llama_like:
        return RmsNorm(setting.hidden, eps=1e-5)
    return nn.LayerNorm(setting.hidden, eps=1e-5, bias=setting.biases)


class Attention(nn.Module):
    def __init__(self, setting):
        super().__init__()
        self.setting = setting
        self.head_dim = setting.hidden // setting.heads
        bias = setting.biases
        self.query_key_value = nn.Linear(setting.hidden, (setting.heads + 2 * setting.kv_heads) * self.head_dim, bias=bias)
        self.output = nn.Linear(setting.hidden, setting.hidden, bias=bias)
        if setting.query_key_norm:
            self.query_norm, self.key_norm = RmsNorm(self.head_dim, eps=1e-5), RmsNorm(self.head_dim, eps=1e-5)

    def forward(self, x_btd, cosine_td, sine_td):
        batch, sequence, hidden = x_btd.shape
        heads, kv_heads = self.setting.heads, self.setting.kv_heads
        sizes = [heads * self.head_dim, kv_heads * self.head_dim, kv_heads * self.head_dim]
        query, key, value = self.query_key_value(x_btd).split(sizes, dim=-1)
        query = query.view(batch, sequence, heads, self.head_dim).transpose(1, 2)
        key = key.view(batch, sequence, kv_heads, self.head_dim).transpose(1, 2)
        value = value.view(batch, sequence, kv_heads, self.head_dim).transpose(1, 2)
        if self.setting.query_key_norm:
            query, key = self.query_norm(query), self.key_norm(key)
        if self.setting.llama_like:
            query, key = rotated(query, cosine_td, sine_td), rotated(key, cosine_td, sine_td)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=heads != kv_heads)
        return self.output(mixed.transpose(1, 2).reshape(batch, sequence, hidden))


class Mlp(nn.Module):
    def __init__(self, setting):
        super().__init__()
        self.gated = setting.llama_like
        bias = setting.biases
        self.up = nn.Linear(setting.hidden, setting.ffn * (2 if self.gated else 1), bias=bias)
        self.down = nn.Linear(setting.ffn, setting.hidden, bias=bias)

    def forward(self, x_btd):
        inner = self.up(x_btd)
        if self.gated:
            gate, inner = inner.chunk(2, dim=-1)
            return self.down(F.silu(gate) * inner)
        return self.down(F.gelu(inner, approximate="tanh"))


class Layer(nn.Module):
    def __init__(self, setting):
        super().__init__()
        self.attention_norm, self.attention = make_norm(setting), Attention(setting)
        self.mlp_norm, self.mlp = make_norm(setting), Mlp(setting)

    def forward(self, x_btd, cosine_td, sine_td):
        x_btd = x_btd + self.attention(self.attention_norm(x_btd), cosine_td, sine_td)
        return x_btd + self.mlp(self.mlp_norm(x_btd))


class Decoder(nn.Module):
    """Tied embeddings. forward gives the mean cross-entropy of `targets`, of which those equal to -1 do not count."""

    def __init__(self, setting, loss="plain"):
        super().__init__()
        self.setting, self.loss = setting, loss
        self.embedding = nn.Embedding(setting.vocab, setting.hidden)
        if not setting.llama_like:
            self.positions = nn.Embedding(setting.sequence, setting.hidden)
        self.layers = nn.ModuleList(Layer(setting) for _ in range(setting.layers))
        self.final_norm = make_norm(setting)
        head_dim = setting.hidden // setting.heads
        angle = torch.outer(torch.arange(setting.sequence), 10000.0 ** (-torch.arange(0, head_dim, 2) / head_dim))
        self.register_buffer("cosine_td", torch.cat((angle.cos(), angle.cos()), dim=-1), persistent=False)
        self.register_buffer("sine_td", torch.cat((angle.sin(), angle.sin()), dim=-1), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                last = name.endswith(("output.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / (2 * setting.layers) ** 0.5 if last else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, tokens_bt, targets_bt):
        x_btd = self.embedding(tokens_bt)
        if not self.setting.llama_like:
            x_btd = x_btd + self.positions.weight[:tokens_bt.size(1)]
        for layer in self.layers:
            x_btd = layer(x_btd, self.cosine_td[:tokens_bt.size(1)], self.sine_td[:tokens_bt.size(1)])
        x_nd, target_n = self.final_norm(x_btd).flatten(0, 1), targets_bt.flatten()
        if self.loss == "chunked":
            return F.linear_cross_entropy(x_nd, self.embedding.weight, target_n, ignore_index=-1)
        return F.cross_entropy(F.linear(x_nd, self.embedding.weight), target_n, ignore_index=-1)


def adamw(model, learning_rate, betas, weight_decay):
    """Decays matrices only, as is the custom. PyTorch's fused form: one pass over each weight."""
    weights = list(model.parameters())
    groups = [{"params": [w for w in weights if w.dim() >= 2], "weight_decay": weight_decay},
              {"params": [w for w in weights if w.dim() < 2], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=True)


def matmul_flops_per_step(setting):
    """Forward and backward: 6 a weight and token, and 12 a score (lower half of attention only) for both its products."""
    head_dim = setting.hidden // setting.heads
    attention = setting.hidden * head_dim * (2 * setting.heads + 2 * setting.kv_heads)
    mlp = setting.hidden * setting.ffn * (3 if setting.llama_like else 2)
    weights = setting.layers * (attention + mlp) + setting.vocab * setting.hidden
    tokens = setting.batch * setting.sequence
    return 6 * weights * tokens + 12 * setting.layers * setting.hidden * tokens * setting.sequence // 2
