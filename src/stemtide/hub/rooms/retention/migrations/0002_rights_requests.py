# SPDX-License-Identifier: Apache-2.0
"""Legal holds on requests of data subjects, too. Decision 0201."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("retention", "0001_first_tables"),
    ]

    operations = [
        migrations.AlterField(
            model_name="legalhold",
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
        migrations.AlterField(
            model_name="retentionchange",
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
