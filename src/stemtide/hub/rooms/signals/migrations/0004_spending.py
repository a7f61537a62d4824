# SPDX-License-Identifier: Apache-2.0
"""How many bytes of long values each party has shared today."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("parties", "0001_first_tables"),
        ("signals", "0003_reach_and_makers"),
    ]

    operations = [
        migrations.CreateModel(
            name="LongValueSpending",
            fields=[
                (
                    "party",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="parties.party",
                    ),
                ),
                ("day", models.DateField()),
                ("spent_bytes", models.BigIntegerField()),
            ],
        ),
    ]
