# SPDX-License-Identifier: Apache-2.0
"""Count how often a party changes its opinion of a signal in a day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("signals", "0013_disputes_set_aside")]

    operations = [
        migrations.AddField(
            "opinionrow", "changes", models.PositiveSmallIntegerField(db_default=0, default=0)
        ),
    ]
