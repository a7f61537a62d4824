# SPDX-License-Identifier: Apache-2.0
"""Kinds of exchanges that the package threatexchange speaks: 0217."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0009_misp_push"),
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
                ],
                max_length=20,
            ),
        ),
    ]
