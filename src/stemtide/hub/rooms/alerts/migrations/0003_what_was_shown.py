# SPDX-License-Identifier: Apache-2.0
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0002_proof_of_delivery"),
    ]

    operations = [
        migrations.AddField(
            model_name="receipt",
            name="shown",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
    ]
