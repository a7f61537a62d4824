# SPDX-License-Identifier: Apache-2.0
"""Whether a signal was made for an indicator, or was shared before and is described by it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stix", "0004_distances")]
    operations = [
        migrations.AddField(
            model_name="patternpart",
            name="is_made",
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
