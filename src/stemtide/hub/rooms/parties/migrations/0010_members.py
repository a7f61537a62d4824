# SPDX-License-Identifier: Apache-2.0
"""Make the parties that exist members, at positions that agents have not read yet.

An agent that follows the feed then learns the standing of every party.
"""

import secrets
from datetime import UTC, datetime, timedelta

from django.apps.registry import Apps as StateApps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F

SPACING = timedelta(microseconds=2)
MEMBER = "member"


def make_members(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Make every party a member, with a position and the first line of its history."""
    now = datetime.now(UTC)
    parties = list(apps.get_model("parties", "Party").objects.order_by("pk"))
    if not parties:
        return
    first = _take_positions(apps, len(parties), now=now)
    for position, party in enumerate(parties, start=first):
        party.standing, party.position = MEMBER, position
        party.save(update_fields=["standing", "position"])
        apps.get_model("parties", "StandingChange").objects.create(
            party=party,
            before=MEMBER,
            after=MEMBER,
            reason="It took part before parties had a standing.",
            by_ref="operator",
            at=now,
        )


def forget_members(
    apps: StateApps, schema_editor: BaseDatabaseSchemaEditor
) -> None:  # Django calls it so
    """Undo make_members; the columns and tables go with the migration before."""


def _take_positions(apps: StateApps, count: int, *, now: datetime) -> int:
    """Assign positions as ledger.take_positions() does, and return the first."""
    numbering = apps.get_model("ledger", "Numbering").objects
    numbering.update(positions=F("positions") + count)
    first: int = numbering.get().positions - count + 1
    placements = apps.get_model("ledger", "Placement").objects
    before = placements.order_by("-first").first()
    at = max(now, before.at + SPACING * before.count) if before else now
    placements.create(first=first, count=count, at=at, mark=secrets.randbits(63))
    return first


class Migration(migrations.Migration):
    dependencies = [("parties", "0009_standing"), ("ledger", "0009_followers")]
    operations = [migrations.RunPython(make_members, forget_members, elidable=True)]
