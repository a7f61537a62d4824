# SPDX-License-Identifier: Apache-2.0
"""Keep the duration of films and sounds beside their values, so that lists can show it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("signals", "0022_outcome_tallies")]
    operations = [
        migrations.AddField("longvalue", "lasts_ms", models.BigIntegerField(null=True)),
    ]
