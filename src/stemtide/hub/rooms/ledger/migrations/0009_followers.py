# SPDX-License-Identifier: Apache-2.0
"""Keep the positions of all rooms that read the ledger in one table: decision 0090."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0008_marks_of_positions")]
    operations = [
        migrations.CreateModel(
            name="Follower",
            fields=[
                (
                    "name",
                    models.CharField(max_length=20, primary_key=True, serialize=False),
                ),
                ("number", models.BigIntegerField(default=0)),
            ],
        ),
    ]
