# SPDX-License-Identifier: Apache-2.0
"""A hub that is killed while it decides has done all of it or nothing, and goes on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tables
from tests.rounds import rounds


@pytest.mark.parametrize(
    ("act", "live_before", "live_after"),
    [("share", 0, 3), pytest.param("withdraw", 3, 0, marks=pytest.mark.nightly)],
)
def test_a_decision_is_done_as_a_whole_or_not_at_all(empty_hub, act, live_before, live_after):
    if "STEMTIDE_DATABASE_URL" not in empty_hub:
        tables.lay(Path(empty_hub["STEMTIDE_DATA_DIR"]))
    step = str(rounds(4, nightly=1))
    program = [sys.executable, "-m", "tests.hub.running.killed_decisions", act, step]
    done = subprocess.run(program, env=empty_hub, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *killed, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(killed) > rounds(3, nightly=10)
    assert killed == [["waiting", live_before, 3, killed[0][3]]] * len(killed)
    assert last[:3] == ["approved", live_after, 0]
    assert last[3] > killed[0][3]
