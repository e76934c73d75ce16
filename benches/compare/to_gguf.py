#!/usr/bin/env python3
"""Rewrites a Gemma 3n checkpoint made by `make-e2b` as an F16 GGUF, so that llama.cpp runs the same weights.

usage: to_gguf.py CHECKPOINT_FOLDER OUT.gguf

Only what the comparison needs: bf16 tensors, one window and rope base as Gemma 3n has them, a SentencePiece-style vocabulary taken from tokenizer.json
(llama-bench feeds token ids and never tokenizes). Tensors are converted one block at a time.
"""
import json
import math
import statistics
import struct
import sys
from pathlib import Path

import gguf
import numpy as np

BLOCK = 1 << 22

LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "post_attention_norm.weight",
    "pre_feedforward_layernorm.weight": "ffn_norm.weight",
    "post_feedforward_layernorm.weight": "post_ffw_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "laurel.linear_left.weight": "laurel_l.weight",
    "laurel.linear_right.weight": "laurel_r.weight",
    "laurel.post_laurel_norm.weight": "laurel_post_norm.weight",
    "altup.router_norm.weight": "altup_router_norm.weight",
    "altup.modality_router.weight": "altup_router.weight",
    "altup.prediction_coefs.weight": "altup_predict_coef.weight",
    "altup.correction_coefs.weight": "altup_correct_coef.weight",
    "altup.correct_output_scale": "altup_correct_scale.weight",
    "per_layer_input_gate.weight": "inp_gate.weight",
    "per_layer_projection.weight": "proj.weight",
    "post_per_layer_input_norm.weight": "post_norm.weight",
}
WHOLE = {
    "embed_tokens.weight": "token_embd.weight",
    "embed_tokens_per_layer.weight": "per_layer_token_embd.weight",
    "per_layer_model_projection.weight": "per_layer_model_proj.weight",
    "per_layer_projection_norm.weight": "per_layer_proj_norm.weight",
    "norm.weight": "output_norm.weight",
}
STACKED = {"altup_projections": "altup_proj.weight", "altup_unembed_projections": "altup_unembd_proj.weight"}
# llama.cpp wants these in F32, like all vectors.
SINGLE = ("altup_predict_coef.weight", "altup_correct_coef.weight")


def read_headers(folder):
    """Tensor name -> (file, offset, shape)."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(length))
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            if entry["dtype"] != "BF16":
                sys.exit(f"{path.name}: {name} is {entry['dtype']}, not BF16")
            found[name.removeprefix("model.")] = (path, 8 + length + entry["data_offsets"][0], entry["shape"])
    return found


def blocks(parts):
    """f32 values of some tensors, one after the other."""
    for path, offset, shape in parts:
        stored = np.memmap(path, np.uint16, "r", offset, math.prod(shape))
        for at in range(0, len(stored), BLOCK):
            yield (stored[at : at + BLOCK].astype(np.uint32) << 16).view(np.float32)


def plan(tensors, layers, vocabulary):
    """(GGUF name, parts, shape, rows of zeros to add) in a fixed order."""
    out = []
    for name, to in WHOLE.items():
        shape = list(tensors[name][2])
        missing = vocabulary - shape[0] if name.startswith("embed_tokens") else 0
        out.append((to, [tensors[name]], [shape[0] + missing, *shape[1:]], missing))
    for stem, to in STACKED.items():
        parts = [tensors[f"{stem}.{i}.weight"] for i in range(3)]
        out.append((to, parts, [3, *parts[0][2]], 0))
    for i in range(layers):
        for name, to in LAYER.items():
            part = tensors[f"layers.{i}.{name}"]
            out.append((f"blk.{i}.{to}", [part], part[2], 0))
    return out


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, target = Path(sys.argv[1]), sys.argv[2]
    config = json.loads((folder / "config.json").read_text())
    tensors = read_headers(folder)
    layers, width, vocabulary = config["num_hidden_layers"], config["hidden_size"], config["vocab_size"]

    w = gguf.GGUFWriter(target, "gemma3n")
    w.add_name("Gemma 3n shape, random weights")
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(width)
    w.add_block_count(layers)
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_head_count_kv(config["num_key_value_heads"])
    w.add_key_length(config["head_dim"])
    w.add_value_length(config["head_dim"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_rope_freq_base(config["rope_parameters"]["full_attention"]["rope_theta"])
    w.add_rope_freq_base_swa(config["rope_parameters"]["sliding_attention"]["rope_theta"])
    w.add_sliding_window(config["sliding_window"])
    w.add_sliding_window_pattern([t == "sliding_attention" for t in config["layer_types"]])
    w.add_final_logit_softcapping(config["final_logit_softcapping"])
    w.add_altup_active_idx(config["altup_active_idx"])
    w.add_altup_num_inputs(config["altup_num_inputs"])
    w.add_embedding_length_per_layer_input(config["hidden_size_per_layer_input"])
    w.add_shared_kv_layers(config["num_kv_shared_layers"])
    # How many standard deviations above its mean a gate must be to count.
    cut = [statistics.NormalDist().inv_cdf(s) if s > 0 else float("-inf") for s in config["activation_sparsity_pattern"]]
    w.add_activation_sparsity_scale(cut)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    w.add_quantization_version(2)

    pieces = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    pieces = sorted(pieces, key=pieces.get)
    pieces += [f"<beyond{i}>" for i in range(vocabulary - len(pieces))]
    kind = lambda p: gguf.TokenType.BYTE if p.startswith("<0x") else gguf.TokenType.NORMAL
    w.add_tokenizer_model("llama")
    w.add_tokenizer_pre("default")
    w.add_token_list(pieces)
    w.add_token_scores([-float(i) for i in range(len(pieces))])
    w.add_token_types([kind(p) for p in pieces])
    w.add_pad_token_id(0)
    w.add_eos_token_id(1)
    w.add_bos_token_id(2)
    w.add_unk_token_id(3)
    w.add_add_bos_token(True)

    chosen = plan(tensors, layers, vocabulary)
    kinds = [np.float32 if len(shape) == 1 or name.endswith(SINGLE) else np.float16 for name, _, shape, _ in chosen]
    for (name, _, shape, _), kind in zip(chosen, kinds):
        w.add_tensor_info(name, shape, np.dtype(kind), math.prod(shape) * np.dtype(kind).itemsize)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_ti_data_to_file()
    # The writer takes whole tensors only; the largest has four gigabytes, so its file is filled by blocks instead.
    file = w.fout[0]
    for (name, parts, shape, missing), kind in zip(chosen, kinds):
        w.write_padding(file, file.tell())
        for block in blocks(parts):
            file.write(block.astype(kind).tobytes())
        file.write(bytes(missing * math.prod(shape[1:]) * np.dtype(kind).itemsize))
        w.write_padding(file, file.tell())
    file.flush()
    print(f"{len(chosen)} tensors, {sum(math.prod(s) for _, _, s, _ in chosen)} parameters, {file.tell()} bytes")
    file.close()


if __name__ == "__main__":
    main()
