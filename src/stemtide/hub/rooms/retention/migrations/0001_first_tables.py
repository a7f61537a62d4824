# SPDX-License-Identifier: Apache-2.0
"""Keep legal holds, and the reasons for other dates. Decision 0189."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("parties", "0017_cached_values"),
    ]

    operations = [
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                (
                    "row_class",
                    models.CharField(
                        choices=[
                            ("signal", "signal"),
                            ("referral", "referral"),
                            ("order", "order"),
                            ("preservation", "preservation"),
                            ("message", "message"),
                            ("lead", "lead"),
                            ("complaint", "complaint"),
                            ("preview", "preview"),
                        ],
                        max_length=12,
                    ),
                ),
                ("row", models.UUIDField()),
                ("reason", models.CharField(max_length=500)),
                ("placed_ref", models.CharField(max_length=80)),
                ("placed_at", models.DateTimeField()),
                ("until", models.DateTimeField(null=True)),
                ("lifted_at", models.DateTimeField(null=True)),
                ("lifted_ref", models.CharField(blank=True, default="", max_length=80)),
                ("lift_reason", models.CharField(blank=True, default="", max_length=500)),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="legal_holds",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "ordering": ["placed_at", "pk"],
                "indexes": [models.Index(fields=["row_class", "row"], name="legal_holds_by_row")],
            },
        ),
        migrations.CreateModel(
            name="RetentionChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "row_class",
                    models.CharField(
                        choices=[
                            ("signal", "signal"),
                            ("referral", "referral"),
                            ("order", "order"),
                            ("preservation", "preservation"),
                            ("message", "message"),
                            ("lead", "lead"),
                            ("complaint", "complaint"),
                            ("preview", "preview"),
                        ],
                        max_length=12,
                    ),
                ),
                ("row", models.UUIDField()),
                ("ref", models.CharField(max_length=80)),
                ("reason", models.CharField(max_length=500)),
                ("until", models.DateTimeField(null=True)),
                ("at", models.DateTimeField()),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
                "indexes": [
                    models.Index(fields=["row_class", "row"], name="retention_changes_by_row")
                ],
            },
        ),
    ]
