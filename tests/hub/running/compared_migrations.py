# SPDX-License-Identifier: Apache-2.0
"""Note that the tables of a new hub were compared with those of all migrations.

All migrations together take half a minute. So `make test` compares only while they, the code that
creates the tables or Django differ from what compared_migrations.sha256 was written for. After you
changed one of them and test_first_tables.py passed, write it anew:
`python -m tests.hub.running.compared_migrations`.
"""

import hashlib
from pathlib import Path

import django

NOTED = Path(__file__).with_suffix(".sha256")
HUB = Path(__file__).parents[3] / "src/stemtide/hub"


def digest():
    """Return the digest of all that decides which tables a hub has, except its models.

    That these have their migrations is what `make lint` checks.
    """
    of = hashlib.sha256(django.__version__.encode())
    for path in [HUB / "first_tables.py", *sorted(HUB.rglob("migrations/*.py"))]:
        of.update(f"\n{path.relative_to(HUB)}\n".encode() + path.read_bytes())
    return of.hexdigest()


def are_compared():
    """Return whether what there is now was compared."""
    return NOTED.read_text("utf-8").strip() == digest()


if __name__ == "__main__":
    NOTED.write_text(f"{digest()}\n", "utf-8")
