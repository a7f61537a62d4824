# SPDX-License-Identifier: Apache-2.0
"""Let an agency set disputes aside, count disputes a day, and weigh all existing ones anew.

Until now the dispute of one party stopped automatic action everywhere. The scheduler weighs the
disputes of each party in the new table, which gives signals whose mark changes new positions.
"""

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def weigh_anew(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Add a row for each party that disputes a signal."""
    alias = schema_editor.connection.alias
    opinions = apps.get_model("signals", "OpinionRow").objects.using(alias).order_by()
    parties = opinions.filter(opinion="dispute").values_list("party", flat=True).distinct()
    tallies = apps.get_model("signals", "DisputeTally").objects.using(alias)
    tallies.bulk_create([tallies.model(party_id=party) for party in parties])


class Migration(migrations.Migration):
    dependencies = [("signals", "0012_opinion_counts")]

    operations = [
        migrations.AddField("opinionrow", "set_aside_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "opinionrow",
            "set_aside_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="parties.party",
            ),
        ),
        migrations.AddField(
            "opinionrow",
            "set_aside_reason",
            models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.AddField(
            "opinionrow",
            "answer",
            models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.AddField("opinionrow", "answered_at", models.DateTimeField(null=True)),
        migrations.CreateModel(
            "DisputeTally",
            [
                (
                    "party",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="parties.party",
                    ),
                ),
                ("day", models.DateField(null=True)),
                ("opened", models.PositiveIntegerField(default=0)),
                ("weighed", models.BigIntegerField(default=-1)),
            ],
        ),
        migrations.RunPython(weigh_anew, migrations.RunPython.noop, elidable=True),
    ]
