# SPDX-License-Identifier: Apache-2.0
"""Mark parties that were made for one exercise, and when it ended."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parties", "0015_controllers")]
    operations = [
        migrations.AddField(
            "party", "exercise", models.BooleanField(default=False, db_default=False)
        ),
        migrations.AddField("party", "left_at", models.DateTimeField(null=True)),
    ]
