# SPDX-License-Identifier: Apache-2.0
"""Take uploads that were let through again from what they counted as before."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

STATES = ("blocked", "held", "logged")


def move(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django gives it
    """Let each upload count once; the spans of time, which cannot say which, forget reversals."""
    sightings = apps.get_model("signals", "Sighting").objects
    for row in sightings.filter(outcome="reversed").iterator():
        rest = row.count
        same = sightings.filter(signal=row.signal_id, party=row.party_id)
        for state in STATES:
            before = same.filter(outcome=state).first()
            number = min(rest, before.count) if before else 0
            if number:
                sightings.filter(pk=before.pk).update(count=before.count - number)
                rest -= number
        if rest:  # undone more than once on its way: it is one upload
            sightings.filter(pk=row.pk).update(count=row.count - rest)
    apps.get_model("signals", "SightingSpan").objects.filter(outcome="reversed").delete()


class Migration(migrations.Migration):
    dependencies = [("signals", "0009_distances")]

    operations = [migrations.RunPython(move, migrations.RunPython.noop, elidable=True)]
