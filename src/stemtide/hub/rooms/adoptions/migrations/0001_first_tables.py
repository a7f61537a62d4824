# SPDX-License-Identifier: Apache-2.0
"""Signals that stay after their crisis. Decision 0188."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("parties", "0017_cached_values"),
        ("signals", "0025_retention"),
    ]

    operations = [
        migrations.CreateModel(
            name="Adoption",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("by_ref", models.CharField(max_length=80)),
                ("at", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("given", models.JSONField()),
                ("before", models.JSONField()),
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
                        related_name="adoption",
                        to="signals.signal",
                    ),
                ),
            ],
            options={"ordering": ["signal"]},
        ),
    ]
