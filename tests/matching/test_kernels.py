# SPDX-License-Identifier: Apache-2.0
"""Every level of the compiled kernels says the same, and what is missing is said plainly."""

import os
import subprocess
import sys

import pytest

from stemtide.kernels import native
from tests.rounds import rounds

PROGRAM = """
import numpy as np
from stemtide.kernels import native
from stemtide.kernels.hamming import as_structs
from stemtide.matching.hamming import HammingIndex, search_all
from stemtide.matching.packed import pack_rows
rng = np.random.default_rng(1)
rows = rng.integers(0, 2**64, (9_000, 4), dtype=np.uint64)
rows[3_000:6_000] = rows[:3_000] ^ np.uint64(1 << 17)
rows[6_000:, :3] = rows[0, :3]
index = HammingIndex(loose_rows=64)
index.put(np.arange(8_500), rows[:8_500])
index.put(np.arange(8_500, 9_000), rows[8_500:])
asked = np.concatenate([rows[::50], rng.integers(0, 2**64, (99, 4), dtype=np.uint64)])
hits = [index.search(asked, count=len(asked), within_bits=bits) for bits in (0, 9, 31, 40, 64)]
packed, _ = pack_rows(rows)
structs = as_structs([packed.struct])
hits += [search_all(structs, asked, count=len(asked), within_bits=bits) for bits in (9, 31)]
print(native.LEVEL, [len(each) for each in hits], hash(b"".join(each.tobytes() for each in hits)))
"""


def run(level, program=PROGRAM):
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "STEMTIDE_KERNELS": level, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_level_that_this_processor_can_run_says_the_same():
    levels = ["v1", "v2", "v3", "v4"]
    can_run = levels[levels.index(native.LEVEL) :: -1]
    can_run = rounds([can_run[0], can_run[-1]], nightly=can_run)
    told = {level: run(level) for level in can_run}
    said = {level: one.stdout.split(" ", 1) for level, one in told.items() if not one.returncode}
    assert native.LEVEL in said
    assert all(level == words[0] for level, words in said.items())
    assert len({words[1] for words in said.values()}) == 1


def test_a_level_that_is_not_there_is_named_with_those_that_are():
    told = run("v9")
    assert told.returncode
    assert "STEMTIDE_KERNELS=v9: here it may be" in told.stderr
    assert native.LEVEL in told.stderr


def test_missing_kernels_are_said_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(native, "_ROOM", tmp_path)
    with pytest.raises(native.KernelsError, match="make setup"):
        native._load()


def test_a_damaged_kernel_is_said_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setattr(native, "_ROOM", tmp_path)
    (tmp_path / "_native_v2").write_bytes(b"no library")
    with pytest.raises(native.KernelsError, match="cannot be loaded"):
        native._load()


def test_a_kernel_never_gets_an_array_with_gaps():
    import numpy as np

    with pytest.raises(ValueError, match="C-contiguous"):
        native.address(np.zeros((4, 4))[:, ::2])
