# SPDX-License-Identifier: Apache-2.0
"""The program that compares kernels of two processors; the nightly test of wheels runs it."""

import re
from pathlib import Path

from stemtide.kernels import native

PROGRAM = Path(__file__).with_name("kernels.c")


def test_it_calls_kernels_that_exist():
    names = re.findall(r'find\(library, "(\w+)"\)', PROGRAM.read_text("utf-8"))
    assert len(names) >= 5
    assert [name for name in names if not hasattr(native.LIBRARY, name)] == []
