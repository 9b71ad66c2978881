#!/usr/bin/env python3
"""Faults from outside, against the real binary: missing and damaged models and books, kill -9, a full disk, a taken port, drains.

Method: each test drives build/release/bin/bedplate as a user would and checks the exit status, that the message
names what is wrong, and that the next attempt works. A death by signal that we did not send fails any test. Needs
smollm2-135m (`bedplate pull smollm2-135m`); no network: the hub that downloads come from is a small server here.
Ends with `N passed, N failed`.

    tests/faults/run.py [NAME...]      only the tests whose name contains one of these
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import books_faults  # noqa: E402
import harness  # noqa: E402
import model_faults  # noqa: E402
import packed_cache_faults  # noqa: E402
import page_file_faults  # noqa: E402
import pull_faults  # noqa: E402
import serving_faults  # noqa: E402
import tenants_faults  # noqa: E402

MODULES = [books_faults, model_faults, packed_cache_faults, page_file_faults, pull_faults, serving_faults, tenants_faults]


if __name__ == "__main__":
    tests = [(name, test) for module in MODULES for name, test in vars(module).items() if name.startswith("test_")]
    sys.exit(harness.run(tests, sys.argv[1:]))
