# SPDX-License-Identifier: Apache-2.0
"""Sightings of each signal over time and by language."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parties", "0015_controllers"), ("signals", "0018_titles")]
    operations = [
        migrations.CreateModel(
            name="SignalSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("blocked", "blocked"),
                            ("held", "held"),
                            ("logged", "logged"),
                            ("reversed", "reversed"),
                        ],
                        max_length=10,
                    ),
                ),
                ("language", models.CharField(blank=True, max_length=35)),
                ("ends_at", models.DateTimeField(db_index=True)),
                ("count", models.BigIntegerField(default=0)),
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
                        related_name="spans",
                        to="signals.signal",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["signal", "ends_at", "party", "outcome", "language"],
                        name="one_span_a_signal_party_and_time",
                    )
                ],
            },
        ),
    ]
