# SPDX-License-Identifier: Apache-2.0
"""Who proposed an exchange at the desk, while it waits for a second person: 0127."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0005_waiting_records"),
    ]

    operations = [
        migrations.AddField(
            model_name="exchange",
            name="proposed_by",
            field=models.CharField(blank=True, db_default="", max_length=80),
        ),
    ]
