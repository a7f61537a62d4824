# SPDX-License-Identifier: Apache-2.0
"""Name the ground of an emergency: recital 17."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_decision_copies"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="emergency_ground",
            field=models.CharField(
                blank=True,
                choices=[
                    ("imminent_threat", "imminent_threat"),
                    ("ongoing_events", "ongoing_events"),
                    ("other", "other"),
                ],
                db_default="",
                max_length=20,
            ),
        ),
    ]
