# SPDX-License-Identifier: Apache-2.0
"""Mark feed positions, so that a hub that was set back is recognised: decision 0085."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_keys_of_the_hub")]
    operations = [
        migrations.AddField("placement", "mark", models.BigIntegerField(null=True)),
    ]
