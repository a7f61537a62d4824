# SPDX-License-Identifier: Apache-2.0
"""Keep whether single letters are keyboard shortcuts for a person."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parties", "0013_competence_proposals")]
    operations = [
        migrations.AddField(
            "person", "letter_keys", models.BooleanField(default=True, db_default=True)
        ),
    ]
