# SPDX-License-Identifier: Apache-2.0
"""Count the acts that alert people, for an hour each: decision 0066."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_moments_of_positions")]
    operations = [
        migrations.CreateModel(
            name="PacedAct",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("actor", models.CharField(max_length=80)),
                ("pace", models.CharField(max_length=20)),
                ("weight", models.PositiveIntegerField()),
                ("exercise", models.BooleanField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index("actor", "pace", "at", name="paced_acts_of_late")],
            },
        ),
    ]
