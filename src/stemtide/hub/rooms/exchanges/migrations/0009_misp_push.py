# SPDX-License-Identifier: Apache-2.0
"""Push to a MISP, with sightings: 0220."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0008_partner_feedback"),
    ]

    operations = [
        migrations.AddField(
            model_name="outgoing",
            name="sighted",
            field=models.PositiveBigIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="exchange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("taxii", "taxii"),
                    ("stopncii", "stopncii"),
                    ("misp-feed", "misp-feed"),
                    ("misp", "misp"),
                ],
                max_length=20,
            ),
        ),
    ]
