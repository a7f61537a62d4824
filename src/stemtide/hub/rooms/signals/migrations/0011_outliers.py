# SPDX-License-Identifier: Apache-2.0
"""Keep rows of reports that exceed the look-ups, until somebody decides."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("parties", "0007_troubles_of_agents"),
        ("signals", "0010_uploads_count_once"),
    ]

    operations = [
        migrations.CreateModel(
            name="Outlier",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("agent", models.CharField(max_length=63)),
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
                ("count", models.BigIntegerField()),
                ("lookups", models.BigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("is_counted", models.BooleanField(null=True)),
                ("decided_by", models.CharField(blank=True, max_length=200)),
                ("decided_at", models.DateTimeField(null=True)),
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
                        related_name="outliers",
                        to="signals.signal",
                    ),
                ),
            ],
        ),
    ]
