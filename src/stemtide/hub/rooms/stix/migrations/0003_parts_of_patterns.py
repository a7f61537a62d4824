# SPDX-License-Identifier: Apache-2.0
"""Which signals a posted indicator of several comparisons became."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0007_by_crisis"),
        ("stix", "0002_beside_signals"),
    ]

    operations = [
        migrations.CreateModel(
            name="PatternPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("stix_id", models.CharField(max_length=300)),
                (
                    "signal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="signals.signal",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("stix_id", "signal"), name="stix_part_once")
                ],
            },
        ),
    ]
