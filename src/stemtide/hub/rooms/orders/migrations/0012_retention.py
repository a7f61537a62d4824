# SPDX-License-Identifier: Apache-2.0
"""Keep why, for what and until when each order is kept. Decision 0189."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0011_doubts_and_agency_copies"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="erase_due",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="erased_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="legal_basis",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="purpose",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="retention_rule",
            field=models.CharField(max_length=60, null=True),
        ),
        migrations.AddField(
            model_name="preservation",
            name="legal_basis",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="preservation",
            name="purpose",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="preservation",
            name="retention_rule",
            field=models.CharField(max_length=60, null=True),
        ),
    ]
