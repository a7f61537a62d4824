# SPDX-License-Identifier: Apache-2.0
"""Make the table of the cache that all processes share."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parties", "0016_parties_of_exercises")]
    operations = [
        migrations.CreateModel(
            "CachedValue",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("value", models.TextField()),
                ("expires_at", models.DateTimeField(db_index=True, null=True)),
            ],
        ),
    ]
