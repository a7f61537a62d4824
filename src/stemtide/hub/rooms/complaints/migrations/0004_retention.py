# SPDX-License-Identifier: Apache-2.0
"""Keep why and for what each complaint is kept. Decision 0189."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("complaints", "0003_by_number"),
    ]

    operations = [
        migrations.AddField(
            model_name="complaint",
            name="legal_basis",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="complaint",
            name="purpose",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="complaint",
            name="retention_rule",
            field=models.CharField(max_length=60, null=True),
        ),
    ]
