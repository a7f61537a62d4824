# SPDX-License-Identifier: Apache-2.0
"""Keep the language of the content of signals, where the sharer stated it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("signals", "0023_durations")]
    operations = [
        migrations.AddField("signal", "language", models.CharField(max_length=12, null=True)),
    ]
