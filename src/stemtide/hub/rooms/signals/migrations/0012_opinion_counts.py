# SPDX-License-Identifier: Apache-2.0
"""Count the confirmations and disputes of each signal beside it."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Count, F

_COLUMNS = {"agree": "confirmations", "dispute": "disputes"}


def count(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fill both columns from the opinions. A sharer's own agreement confirms nothing."""
    alias = schema_editor.connection.alias
    opinions = apps.get_model("signals", "OpinionRow").objects.using(alias).order_by()
    signals = apps.get_model("signals", "Signal").objects.using(alias)
    for opinion, column in _COLUMNS.items():
        rows = opinions.filter(opinion=opinion)
        if opinion == "agree":
            rows = rows.exclude(party=F("signal__shared_by"))
        for pk, number in rows.values_list("signal").annotate(Count("pk")).iterator():
            signals.filter(pk=pk).update(**{column: number})


class Migration(migrations.Migration):
    dependencies = [("signals", "0011_outliers")]

    operations = [
        migrations.AddField(
            "signal", "confirmations", models.PositiveIntegerField(default=0, db_default=0)
        ),
        migrations.AddField(
            "signal", "disputes", models.PositiveIntegerField(default=0, db_default=0)
        ),
        migrations.RunPython(count, migrations.RunPython.noop, elidable=True),
    ]
