# SPDX-License-Identifier: Apache-2.0
"""When agents were first known to have met again what is said to be gone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rechecks", "0001_first_tables")]

    operations = [
        migrations.AddField(
            model_name="recheck",
            name="met_at",
            field=models.DateTimeField(null=True),
        ),
    ]
