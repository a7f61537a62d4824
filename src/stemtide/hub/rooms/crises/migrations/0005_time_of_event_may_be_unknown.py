# SPDX-License-Identifier: Apache-2.0
"""Let a crisis begin before anybody knows when its event was."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crises", "0004_event_is_known")]

    operations = [
        migrations.AlterField(
            model_name="crisis", name="happened_at", field=models.DateTimeField(null=True)
        )
    ]
