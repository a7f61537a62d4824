# SPDX-License-Identifier: Apache-2.0
"""Which signal of a record waits for a second look: 0113."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0004_parts_of_records"),
    ]

    operations = [
        migrations.AddField(
            model_name="record",
            name="waiting",
            field=models.UUIDField(null=True),
        ),
    ]
