# SPDX-License-Identifier: Apache-2.0
"""Keep why and for what each preview is kept. Decision 0189."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0001_first_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="preview",
            name="legal_basis",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="preview",
            name="purpose",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="preview",
            name="retention_rule",
            field=models.CharField(max_length=60, null=True),
        ),
    ]
