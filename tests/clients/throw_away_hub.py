# SPDX-License-Identifier: Apache-2.0
"""`stemtide demo --hub-only` on tables that were made before: making them takes most of its time.

The program `throw-away-hub` of `tests.forks`: its arguments are an empty folder for the hub's, and
the path of the env file.
"""

import sys
from pathlib import Path

from stemtide.exercises import hub_only
from stemtide.exercises.stage import RunningExercise
from tests import tables


class LaidStage(RunningExercise):
    """A stage whose hub has its tables already."""

    def hub_folder(self) -> Path:
        """Return the hub's folder, with the tables of a new hub in it."""
        folder = super().hub_folder()
        tables.lay(folder)
        return folder


def main() -> None:
    """Start the hub, write its variables, and stay up until SIGTERM."""
    hub_only.RunningExercise = LaidStage
    folder, env_file = map(Path, sys.argv[1:])
    hub_only.run_hub(env_file=env_file, folder=folder, port=0)
