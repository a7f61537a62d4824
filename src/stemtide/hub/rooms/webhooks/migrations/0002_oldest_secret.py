# SPDX-License-Identifier: Apache-2.0
"""More than one secret may sign beside the newest."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0001_first_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="webhook",
            name="oldest",
            field=models.PositiveIntegerField(default=1),
        ),
    ]
