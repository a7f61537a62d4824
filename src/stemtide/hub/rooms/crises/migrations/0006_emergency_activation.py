# SPDX-License-Identifier: Apache-2.0
"""Mark proposals whose crisis is active before a second party confirms."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crises", "0005_time_of_event_may_be_unknown")]

    operations = [
        migrations.AddField(
            model_name="proposal",
            name="is_emergency",
            field=models.BooleanField(default=False, db_default=False),
        )
    ]
