# SPDX-License-Identifier: Apache-2.0
"""Events in sharing groups of a MISP, with the signals of one audience: 0230."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0012_opencti"),
    ]

    operations = [
        migrations.CreateModel(
            name="GroupEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(unique=True)),
                ("group", models.PositiveIntegerField()),
                ("group_uuid", models.UUIDField()),
                ("tlp", models.CharField(max_length=20)),
                ("block", models.PositiveBigIntegerField()),
                ("readers", models.TextField()),
                ("is_over", models.BooleanField(default=False)),
                (
                    "exchange",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="group_events",
                        to="exchanges.exchange",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="outgoing",
            name="event",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="outgoing",
                to="exchanges.groupevent",
            ),
        ),
        migrations.AlterField(
            model_name="outgoing",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "waiting"),
                    ("sent", "sent"),
                    ("taking_back", "taking_back"),
                    ("ended", "ended"),
                    ("refused", "refused"),
                    ("held_back", "held_back"),
                ],
                max_length=20,
            ),
        ),
    ]
