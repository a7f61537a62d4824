# SPDX-License-Identifier: Apache-2.0
"""In how many runs a signal was refused while nothing was taken: decision 0073."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exchanges", "0001_first_tables")]

    operations = [
        migrations.AddField(
            model_name="outgoing",
            name="refusals",
            field=models.PositiveSmallIntegerField(default=0),
        ),
    ]
