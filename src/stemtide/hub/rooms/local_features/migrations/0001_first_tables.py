# SPDX-License-Identifier: Apache-2.0
"""Local features that are sent with signals: decision 0180."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("signals", "0024_languages"),
    ]

    operations = [
        migrations.CreateModel(
            name="LocalFeatures",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("value", models.BinaryField()),
                ("tlp", models.CharField(max_length=15)),
                ("audience", models.TextField(blank=True)),
                ("size_bytes", models.PositiveIntegerField()),
                ("sent_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(null=True)),
                (
                    "signal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="local_features",
                        to="signals.signal",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("removed_at", None)),
                        fields=("signal",),
                        name="one_set_of_local_features_a_signal",
                    )
                ],
            },
        ),
    ]
