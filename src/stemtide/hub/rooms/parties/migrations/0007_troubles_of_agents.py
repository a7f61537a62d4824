# SPDX-License-Identifier: Apache-2.0
"""Keep what an agent says is wrong with it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parties", "0006_locks_and_code_tries")]
    operations = [
        migrations.AddField("agent", "troubles", models.JSONField(default=list)),
    ]
