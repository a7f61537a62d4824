# SPDX-License-Identifier: Apache-2.0
"""Keep fingerprints of the keys that all hosts of a hub share."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_paces")]
    operations = [
        migrations.CreateModel(
            name="HubKey",
            fields=[
                (
                    "name",
                    models.CharField(max_length=20, primary_key=True, serialize=False),
                ),
                ("fingerprint", models.CharField(max_length=64)),
                ("host", models.CharField(max_length=255)),
                ("place", models.CharField(max_length=1000)),
                ("recorded_at", models.DateTimeField()),
            ],
        ),
    ]
