# SPDX-License-Identifier: Apache-2.0
"""Requests of people are erased with a certificate too: 0201."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("transparency", "0004_proofs"),
    ]

    operations = [
        migrations.AlterField(
            model_name="purge",
            name="row_class",
            field=models.CharField(
                choices=[
                    ("signal", "signal"),
                    ("referral", "referral"),
                    ("order", "order"),
                    ("preservation", "preservation"),
                    ("message", "message"),
                    ("lead", "lead"),
                    ("complaint", "complaint"),
                    ("preview", "preview"),
                    ("rights", "rights"),
                ],
                max_length=12,
            ),
        ),
    ]
