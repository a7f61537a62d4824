# SPDX-License-Identifier: Apache-2.0
"""Keep for which crisis mechanism a party speaks (decision 0194)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parties", "0018_replaced_keys")]
    operations = [
        migrations.AddField(
            "party",
            "mechanism",
            models.CharField(max_length=60, blank=True, default="", db_default=""),
        ),
    ]
