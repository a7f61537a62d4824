# SPDX-License-Identifier: Apache-2.0
"""Tell objects that stand in their own place from faces, so that a page passes over no thousands."""

from django.apps.registry import Apps as StateApps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def mark_faces(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """The latest indicator that somebody posted for a signal is told in the signal's place."""
    rows = apps.get_model("stix", "StixObject").objects.filter(type="indicator", is_latest=True)
    rows.filter(signal__isnull=False).update(is_beside=False)


class Migration(migrations.Migration):
    dependencies = [("stix", "0001_first_tables")]
    operations = [
        migrations.AddField("stixobject", "is_beside", models.BooleanField(default=True)),
        migrations.RunPython(mark_faces, migrations.RunPython.noop, elidable=True),
        migrations.RemoveIndex("stixobject", "stix_objects_of_a_crisis"),
        migrations.AddIndex(
            "stixobject",
            models.Index(
                fields=["is_beside", "crisis", "position"], name="stix_objects_of_a_crisis"
            ),
        ),
        migrations.AddIndex(
            "stixobject",
            models.Index(fields=["is_beside", "position"], name="stix_objects_in_order"),
        ),
    ]
