# SPDX-License-Identifier: Apache-2.0
"""The live stream of an OpenCTI is a kind of exchange: 0228."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0011_places_of_records"),
    ]

    operations = [
        migrations.AlterField(
            model_name="exchange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("taxii", "taxii"),
                    ("stopncii", "stopncii"),
                    ("misp-feed", "misp-feed"),
                    ("misp", "misp"),
                    ("threatexchange", "threatexchange"),
                    ("tcap", "tcap"),
                    ("tx-file", "tx-file"),
                    ("opencti", "opencti"),
                ],
                max_length=20,
            ),
        ),
    ]
