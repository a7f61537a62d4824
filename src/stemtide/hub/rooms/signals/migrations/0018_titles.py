# SPDX-License-Identifier: Apache-2.0
"""Give signals a title that their sharer writes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("signals", "0017_lookups")]
    operations = [
        migrations.AddField(
            "signal",
            "title",
            models.CharField(max_length=80, blank=True, default="", db_default=""),
        ),
    ]
