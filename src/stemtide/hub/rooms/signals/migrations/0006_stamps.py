# SPDX-License-Identifier: Apache-2.0
"""When each signal last changed, in seconds, for readers who count in them: decision 0063."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_SECONDS = {
    "sqlite": "CAST(strftime('%s', coalesce(withdrawn_at, shared_at)) AS integer)",
    "postgresql": "floor(extract(epoch FROM coalesce(withdrawn_at, shared_at)))::bigint",
}


def fill(_apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Stamp what is there by its own times; whoever reads begins after this, with all of it."""
    seconds = _SECONDS[schema_editor.connection.vendor]
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"UPDATE signals_signal SET stamp_s = {seconds}")  # noqa: S608  # our own words


class Migration(migrations.Migration):
    dependencies = [("signals", "0005_spans_of_sightings")]

    operations = [
        migrations.AddField(
            model_name="signal",
            name="stamp_s",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(fields=["stamp_s", "id"], name="signals_by_stamp"),
        ),
    ]
