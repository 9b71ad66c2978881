#!/usr/bin/env python3
"""llama.cpp's tokenizer as a command for tokenizer_reference.py: JSON strings on stdin, one a line; ids on stdout.

    pip install llama-cpp-python
    scripts/tokenizer_llama_cpp.py MODEL.gguf [--special] < lines
"""
import json
import sys

import llama_cpp


def main():
    special = "--special" in sys.argv[2:]
    model = llama_cpp.Llama(sys.argv[1], vocab_only=True, verbose=False)
    for line in sys.stdin:
        text = json.loads(line).encode()
        print(json.dumps(model.tokenize(text, add_bos=False, special=special) if text else []))


if __name__ == "__main__":
    main()
