# SPDX-License-Identifier: Apache-2.0
"""Count the refused values of known abuse material of each party and day (decision 0183)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parties", "0017_cached_values"), ("signals", "0025_retention")]

    operations = [
        migrations.CreateModel(
            name="RefusedTally",
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
                ("count", models.PositiveIntegerField()),
            ],
        ),
    ]
