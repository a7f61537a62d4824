# SPDX-License-Identifier: Apache-2.0
"""Keep why, for what and until when each message and lead is kept. Decision 0189."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("situation", "0004_message_references"),
    ]

    operations = [
        migrations.AddField(
            model_name="lead",
            name="legal_basis",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="lead",
            name="purpose",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="lead",
            name="retention_rule",
            field=models.CharField(max_length=60, null=True),
        ),
        migrations.AddField(
            model_name="message",
            name="erase_due",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="message",
            name="erased_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="message",
            name="legal_basis",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="message",
            name="purpose",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="message",
            name="retention_rule",
            field=models.CharField(max_length=60, null=True),
        ),
    ]
