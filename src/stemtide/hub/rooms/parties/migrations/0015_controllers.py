# SPDX-License-Identifier: Apache-2.0
"""Keep who else may use an account or a key, for rules that need two people."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parties", "0014_letter_keys")]
    operations = [
        migrations.AddField(
            "person", "controllers", models.TextField(blank=True, default="", db_default="")
        ),
        migrations.AddField(
            "apikey", "controllers", models.TextField(blank=True, default="", db_default="")
        ),
    ]
