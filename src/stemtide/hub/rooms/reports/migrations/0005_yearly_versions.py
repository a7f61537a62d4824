# SPDX-License-Identifier: Apache-2.0
"""Keep finished versions of yearly reports: decision 0149."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("parties", "0015_controllers"),
        ("reports", "0004_drafts_of_sections"),
    ]

    operations = [
        migrations.CreateModel(
            name="YearlyVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("form", models.CharField(max_length=20)),
                ("year", models.PositiveSmallIntegerField()),
                ("exercise", models.BooleanField(default=False)),
                ("number", models.PositiveSmallIntegerField()),
                ("change", models.TextField(blank=True)),
                ("report", models.JSONField()),
                ("head", models.BigIntegerField()),
                ("ref", models.CharField(max_length=80)),
                ("finished_at", models.DateTimeField()),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="yearly_versions",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "ordering": ["year", "form", "number"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("party", "form", "year", "exercise", "number"),
                        name="one_yearly_version_a_number",
                    )
                ],
            },
        ),
    ]
