# SPDX-License-Identifier: Apache-2.0
"""Fill a hub's folder with one of everything that has a page: python -m tests.flows.furnished.

tests/scene.py plays in it. Prints what stands in addresses, and everybody's password.
"""

import json
import os
import sys

PEOPLE = (
    ("authority", "duty_officer"),
    ("authority", "administrator"),
    ("agency", "coordinator"),
    ("provider", "duty_officer"),
)


def main():
    """Make the scene in a hub's folder, with people who can sign in."""
    os.environ["STEMTIDE_DATA_DIR"] = sys.argv[1]
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from django.contrib.auth import get_user_model

    from tests import scene
    from tests.hub.desk.conftest import PASSWORD, World
    from tests.world import add_member

    world = World()
    parts = scene.assemble(world)
    add_member("archive", title="The archive", kind="provider", country="DE", now=world.now)
    for party, role in PEOPLE:
        if not get_user_model().objects.filter(email=f"{role}@{party}.example").exists():
            world.person(party, role)
    print(json.dumps({"parts": parts, "password": PASSWORD}))


if __name__ == "__main__":
    main()
