# SPDX-License-Identifier: Apache-2.0
"""Previews, and who looked at one, for what."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("crises", "0001_first_tables"),
        ("signals", "0002_long_values"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Look",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("cluster", models.UUIDField()),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("contain-spread", "contain-spread"),
                            ("threat-to-life", "threat-to-life"),
                            ("preserve", "preserve"),
                            ("review", "review"),
                        ],
                        max_length=20,
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("revealed_at", models.DateTimeField(null=True)),
                (
                    "crisis",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="looks",
                        to="crises.crisis",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="looks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "signal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="looks",
                        to="signals.signal",
                    ),
                ),
            ],
            options={
                "ordering": ["opened_at", "pk"],
                "indexes": [
                    models.Index(fields=["person", "opened_at"], name="looks_by_person_and_time")
                ],
            },
        ),
        migrations.CreateModel(
            name="Preview",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("still", "still"), ("excerpt", "excerpt")], max_length=10
                    ),
                ),
                ("whole", models.BinaryField()),
                ("veil", models.BinaryField()),
                ("size_bytes", models.PositiveIntegerField()),
                ("added_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("destroyed_at", models.DateTimeField(null=True)),
                (
                    "signal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="previews",
                        to="signals.signal",
                    ),
                ),
            ],
            options={
                "ordering": ["added_at", "pk"],
                "indexes": [
                    models.Index(
                        models.F("expires_at"),
                        condition=models.Q(("destroyed_at", None)),
                        name="previews_by_end",
                    )
                ],
            },
        ),
    ]
