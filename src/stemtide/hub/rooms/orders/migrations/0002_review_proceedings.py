# SPDX-License-Identifier: Apache-2.0
"""Name the review proceedings for which content is preserved longer: Art. 6(2)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0001_first_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="preservation",
            name="court",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            model_name="preservation",
            name="proceedings",
            field=models.CharField(
                blank=True,
                choices=[("administrative", "administrative"), ("judicial", "judicial")],
                db_default="",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="preservation",
            name="reviewed_by",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            model_name="preservation",
            name="reviewed_since",
            field=models.DateField(null=True),
        ),
    ]
