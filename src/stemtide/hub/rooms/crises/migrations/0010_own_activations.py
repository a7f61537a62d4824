# SPDX-License-Identifier: Apache-2.0
"""Keep which activations of other mechanisms their own party noted (decision 0194)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crises", "0009_signals_that_stay"), ("parties", "0019_mechanisms")]
    operations = [
        migrations.AddField(
            "neighbour",
            "own_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="parties.party",
            ),
        ),
    ]
