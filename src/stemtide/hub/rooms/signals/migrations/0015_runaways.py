# SPDX-License-Identifier: Apache-2.0
"""Add the mark of signals that match too much, reports about them, and decisions."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("parties", "0010_members"),
        ("signals", "0014_opinion_changes"),
    ]

    operations = [
        migrations.AddField(
            model_name="signal",
            name="flood",
            field=models.CharField(blank=True, db_default="", default="", max_length=10),
        ),
        migrations.CreateModel(
            name="RunawayDecision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("is_lowered", models.BooleanField()),
                ("reason", models.CharField(max_length=500)),
                ("decided_at", models.DateTimeField()),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                (
                    "signal",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runaway_decision",
                        to="signals.signal",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RunawayReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("agent", models.CharField(max_length=63)),
                ("state", models.CharField(max_length=10)),
                ("since", models.DateTimeField()),
                ("matches", models.BigIntegerField()),
                ("lookups", models.BigIntegerField()),
                ("most", models.BigIntegerField()),
                ("curve", models.JSONField(default=list)),
                ("reported_at", models.DateTimeField()),
                ("counts", models.BooleanField(default=True)),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                (
                    "signal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runaway_reports",
                        to="signals.signal",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("signal", "party", "agent"),
                        name="one_runaway_report_an_agent_and_signal",
                    )
                ],
            },
        ),
    ]
