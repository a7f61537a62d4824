# SPDX-License-Identifier: Apache-2.0
"""What the program wrote for a section, beside its present text: 0026."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reports", "0003_dsa_reports")]

    operations = [
        migrations.AddField(
            model_name="reportsection",
            name="draft",
            field=models.TextField(blank=True, db_default=""),
        ),
    ]
