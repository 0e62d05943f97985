"""Text to vectors (static part only for now)."""
from __future__ import annotations
from pathlib import Path
from typing import Any
import numpy as np
from numpy.typing import NDArray
_c: Any = None
class TextEncoder:
    dim = 256
    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        global _c
        if _c is None:
            from tokenizers import Tokenizer
            from safetensors.numpy import load_file
            d = Path(__file__).parent / "static_en"
            _c = (Tokenizer.from_file(str(d / "tokenizer.json")), load_file(str(d / "model.safetensors")))
        tok, w = _c
        tok.no_truncation(); tok.no_padding()
        out = np.zeros((len(texts), 256), np.float32)
        for i, e in enumerate(tok.encode_batch(texts, add_special_tokens=False)):
            v = (w["embedding"][e.ids].astype(np.float32) * w["scale"][e.ids][:, None]).sum(0) if e.ids else np.zeros(256, np.float32)
            out[i] = v / max(np.linalg.norm(v), 1e-9)
        return out
