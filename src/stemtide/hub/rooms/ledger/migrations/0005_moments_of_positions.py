# SPDX-License-Identifier: Apache-2.0
"""Give every feed position a moment of its own: decision 0061.

Positions from before get moments just before this migration, in their order: readers who ask by
time begin after it, and find all that is there.
"""

from datetime import UTC, datetime, timedelta

from django.apps.registry import Apps as StateApps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def place_old(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """One placement for all positions given out so far."""
    numbering = apps.get_model("ledger", "Numbering").objects.first()
    if numbering is not None and numbering.positions:
        began = datetime.now(UTC) - timedelta(microseconds=2) * numbering.positions
        apps.get_model("ledger", "Placement").objects.create(
            first=1, count=numbering.positions, at=began
        )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_crisis_of_an_entry")]
    operations = [
        migrations.CreateModel(
            name="Placement",
            fields=[
                ("first", models.BigIntegerField(primary_key=True, serialize=False)),
                ("count", models.BigIntegerField()),
                ("at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.RunPython(place_old, migrations.RunPython.noop, elidable=True),
    ]
