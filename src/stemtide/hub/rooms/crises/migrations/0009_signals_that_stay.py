# SPDX-License-Identifier: Apache-2.0
"""Keep whether a leading party said which signals stay after a crisis. Decision 0188."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crises", "0008_reasons_of_invitations")]

    operations = [
        migrations.AddField(
            model_name="crisis",
            name="answered_to",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="crisis",
            name="ends_signals",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
