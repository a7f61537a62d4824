# SPDX-License-Identifier: Apache-2.0
"""Keep why, for what and until when each referral is kept. Decision 0189."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("referrals", "0002_by_reference"),
    ]

    operations = [
        migrations.AddField(
            model_name="referral",
            name="erase_due",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="referral",
            name="erased_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="referral",
            name="legal_basis",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="referral",
            name="purpose",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="referral",
            name="retention_rule",
            field=models.CharField(max_length=60, null=True),
        ),
    ]
