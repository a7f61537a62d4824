# SPDX-License-Identifier: Apache-2.0
"""Keep the reason that a party gives when it invites another one into a crisis."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crises", "0007_roles")]
    operations = [
        migrations.AddField(
            "participation",
            "invite_reason",
            models.CharField(max_length=500, blank=True, default="", db_default=""),
        ),
    ]
