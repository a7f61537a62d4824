# SPDX-License-Identifier: Apache-2.0
"""Settings that people change at the desk: 0126."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0009_followers")]

    operations = [
        migrations.CreateModel(
            name="HubSetting",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("value", models.PositiveIntegerField(null=True)),
                ("changed_by", models.CharField(blank=True, max_length=80)),
                ("changed_at", models.DateTimeField(null=True)),
                ("proposed", models.PositiveIntegerField(null=True)),
                ("proposed_by", models.CharField(blank=True, max_length=80)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("expires_at", models.DateTimeField(null=True)),
            ],
        ),
    ]
