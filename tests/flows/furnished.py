# SPDX-License-Identifier: Apache-2.0
"""A hub with one of everything that has a page, as a process: tests/scene.py plays in it.

Run as a program with a folder, it fills the hub there and says what stands in addresses.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from stemtide.exercises import processes
from tests import tables

ROOT = Path(__file__).parents[2]
PEOPLE = (
    ("authority", "duty_officer"),
    ("authority", "administrator"),
    ("agency", "coordinator"),
    ("provider", "duty_officer"),
)


class Furnished:
    """The hub; parts: what stands in addresses; password: everybody's."""

    def __init__(self, folder):
        tables.lay(folder)
        made = subprocess.run(
            [sys.executable, "-m", "tests.flows.furnished", str(folder)],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        told = json.loads(made.stdout.splitlines()[-1])
        self.parts, self.password = told["parts"], told["password"]
        self.hub = processes.hub(folder).start()


def fill(folder):
    """Make the scene in a hub's folder, with people who can sign in."""
    os.environ["STEMTIDE_DATA_DIR"] = folder
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from django.contrib.auth import get_user_model

    from tests import scene
    from tests.hub.desk.conftest import PASSWORD, World

    world = World()
    parts = scene.assemble(world)
    for party, role in PEOPLE:
        if not get_user_model().objects.filter(email=f"{role}@{party}.example").exists():
            world.person(party, role)
    print(json.dumps({"parts": parts, "password": PASSWORD}))


if __name__ == "__main__":
    fill(sys.argv[1])
