# SPDX-License-Identifier: Apache-2.0
"""A hub starts without a wall around its decoders only if its settings name that wall."""

import subprocess
import sys

import pytest

from stemtide.exercises.demo import say_missing_walls
from stemtide.exercises.stage import RunningExercise
from stemtide.fingerprints.sandbox.walls import Wall
from tests.fingerprints.attacker import taken_over

NO_LANDLOCK = frozenset({Wall.SECCOMP, Wall.NETWORK})
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux")


WITHOUT_LANDLOCK = """
from stemtide.fingerprints.sandbox import landlock
landlock.version = lambda: 0
from stemtide.cli.app import main
main()
"""


@pytest.mark.nightly
def test_a_hub_does_not_start_without_a_wall_that_it_does_not_name(empty_hub):
    # No hub can listen there (RFC 5737), so that the command ends in any case.
    words = ["hub", "start", "--host", "192.0.2.1", "--port", "0"]
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_LANDLOCK, *words],
        check=False,
        env=empty_hub | {"STEMTIDE_ACCEPT_MISSING_WALLS": ""},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "STEMTIDE_ACCEPT_MISSING_WALLS does not name landlock" in ended.stderr


def test_an_exercise_says_in_one_line_which_walls_are_missing(tmp_path, capsys):
    with taken_over(tmp_path, standing=NO_LANDLOCK) as sandbox:
        say_missing_walls(RunningExercise(tmp_path), sandbox)
    (line,) = capsys.readouterr().err.splitlines()
    assert "lacks walls around decoders: landlock" in line
