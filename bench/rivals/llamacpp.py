"""llama.cpp through its own C interface, as the rival and as the second opinion.

Runs inside a virtual environment that holds llama-cpp-python, compiled for this machine (scripts/peers.sh llama). Only the low-level
interface is used: the same calls llama.cpp's own tools make, so that no Python layer slows the rival down.

    peer = Model("model.gguf", threads=2, repack=True, flash_attention=True, context=1024)
    ids = peer.tokenize("text", add_special=True)
    rows = peer.logits(ids)             # float32 [len(ids), vocabulary], every position
"""

import ctypes
import sys

import llama_cpp
import llama_cpp as c
import numpy as np

_log_callbacks = []  # ctypes callbacks must outlive their use


def _silence_logs():
    """Only errors are of interest; they go to stderr."""
    if _log_callbacks:
        return

    def log(level, text, _):
        if level == 4:  # GGML_LOG_LEVEL_ERROR
            sys.stderr.write(text.decode("utf-8", "replace"))

    _log_callbacks.append(c.llama_log_callback(log))
    c.llama_log_set(_log_callbacks[0], ctypes.c_void_p(0))


def version():
    return f"llama-cpp-python {llama_cpp.__version__}"


class Model:
    """context: positions of each sequence; sequences: how many may live side by side."""

    def __init__(self, path, threads=2, repack=True, flash_attention=True, context=2048, ubatch=512, sequences=1):
        _silence_logs()
        c.llama_backend_init()
        model_params = c.llama_model_default_params()
        model_params.n_gpu_layers = 0
        model_params.use_extra_bufts = repack  # "extra" buffer types are the repacked weight layouts
        self._model = c.llama_model_load_from_file(str(path).encode(), model_params)
        if not self._model:
            raise SystemExit(f"llama.cpp could not load {path}")
        context_params = c.llama_context_default_params()
        context_params.n_ctx = context * sequences
        context_params.n_batch = max(context, ubatch)
        context_params.n_ubatch = ubatch
        context_params.n_seq_max = sequences
        context_params.n_threads = threads
        context_params.n_threads_batch = threads
        context_params.flash_attn_type = 1 if flash_attention else 0
        context_params.no_perf = True
        self._context = c.llama_init_from_model(self._model, context_params)
        if not self._context:
            raise SystemExit(f"llama.cpp could not make a context of {context} for {path}")
        self._vocab = c.llama_model_get_vocab(self._model)
        self.vocabulary = c.llama_vocab_n_tokens(self._vocab)
        self.adds_bos = bool(c.llama_vocab_get_add_bos(self._vocab))
        self.bos = c.llama_vocab_bos(self._vocab)

    def tokenize(self, text, add_special=True, parse_special=False):
        data = text.encode() if isinstance(text, str) else text
        room = len(data) + 16
        ids = (c.llama_token * room)()
        count = c.llama_tokenize(self._vocab, data, len(data), ids, room, add_special, parse_special)
        if count < 0:
            raise RuntimeError(f"llama_tokenize asked for {-count} tokens of room, had {room}")
        return list(ids[:count])

    def clear(self):
        c.llama_memory_clear(c.llama_get_memory(self._context), True)

    def keep(self, sequence, positions):
        """Forgets what the sequence has beyond its first positions."""
        c.llama_memory_seq_rm(c.llama_get_memory(self._context), sequence, positions, -1)

    def feed(self, ids, sequence=0):
        """Computes ids after what the sequence holds; only the last position's logits are made."""
        first = c.llama_memory_seq_pos_max(c.llama_get_memory(self._context), sequence) + 1
        self._decode([(token, first + i, sequence, i == len(ids) - 1) for i, token in enumerate(ids)])

    def step(self, ids, position):
        """One token in each of the sequences 0 .. len(ids) - 1, all at this position, with logits for each."""
        self._decode([(token, position, sequence, True) for sequence, token in enumerate(ids)])
        for row in range(len(ids)):
            c.llama_get_logits_ith(self._context, row)

    def _decode(self, rows):
        batch = c.llama_batch_init(len(rows), 0, 1)
        try:
            batch.n_tokens = len(rows)
            for i, (token, position, sequence, logits) in enumerate(rows):
                batch.token[i] = token
                batch.pos[i] = position
                batch.n_seq_id[i] = 1
                batch.seq_id[i][0] = sequence
                batch.logits[i] = logits
            if c.llama_decode(self._context, batch) != 0:
                raise RuntimeError("llama_decode failed")
        finally:
            c.llama_batch_free(batch)

    def last_logits(self):
        return np.ctypeslib.as_array(c.llama_get_logits_ith(self._context, -1), shape=(self.vocabulary,))

    def logits(self, ids, first=0):
        """Logits of positions first .. len(ids) - 1 of a fresh sequence, float32 [len(ids) - first, vocabulary]."""
        self.clear()
        self._decode([(token, i, 0, i >= first) for i, token in enumerate(ids)])
        rows = np.ctypeslib.as_array(c.llama_get_logits(self._context), shape=(len(ids) - first, self.vocabulary))
        return rows.copy()
