# SPDX-License-Identifier: Apache-2.0
"""Sightings of a crisis over time and by language."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("crises", "0004_event_is_known"),
        ("parties", "0003_invitations_and_sittings"),
        ("signals", "0004_spending"),
    ]

    operations = [
        migrations.CreateModel(
            name="SightingSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("handling", models.CharField(max_length=64)),
                ("tlp", models.CharField(max_length=15)),
                ("audience", models.TextField(blank=True)),
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
                ("ends_at", models.DateTimeField()),
                ("minutes", models.SmallIntegerField()),
                ("count", models.BigIntegerField(default=0)),
                (
                    "crisis",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="spans",
                        to="crises.crisis",
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="spans",
                        to="parties.party",
                    ),
                ),
                (
                    "shared_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=(
                            "crisis",
                            "ends_at",
                            "minutes",
                            "handling",
                            "party",
                            "outcome",
                            "language",
                        ),
                        name="one_span_a_crisis_handling_party_and_time",
                    )
                ],
            },
        ),
    ]
