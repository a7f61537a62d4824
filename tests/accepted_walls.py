# SPDX-License-Identifier: Apache-2.0
"""Settings by which a hub and an agent of a test also start where a wall is missing.

A container may have no Landlock. What the walls keep out is tested in
tests/fingerprints/test_walls.py, which says which of them a system lacks.
"""

from stemtide.fingerprints.sandbox.walls import Wall

ACCEPTED = {
    "STEMTIDE_ACCEPT_MISSING_WALLS": ",".join(Wall),
    "STEMTIDE_AGENT_ACCEPT_MISSING_WALLS": ",".join(Wall),
}
