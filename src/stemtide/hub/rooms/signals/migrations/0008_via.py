# SPDX-License-Identifier: Apache-2.0
"""Through which hubs each signal came, none for what is there; withdrawn ones by value: 0074."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("signals", "0007_by_crisis")]
    operations = [
        migrations.AddField(
            model_name="signal",
            name="via",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
        migrations.AddIndex(
            "signal",
            models.Index(
                "value",
                condition=models.Q(("state", "withdrawn")),
                name="withdrawn_signals_by_value",
            ),
        ),
    ]
