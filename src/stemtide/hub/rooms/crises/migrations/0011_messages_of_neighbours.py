# SPDX-License-Identifier: Apache-2.0
"""Keep messages of neighbours, and what neighbours heard of crises (decision 0212)."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

_STATES = [("entered", "entered"), ("waiting", "waiting"), ("refused", "refused")]
_ID = (
    "id",
    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
)


class Migration(migrations.Migration):
    dependencies = [("crises", "0010_own_activations")]
    operations = [
        migrations.CreateModel(
            "NeighbourMessage",
            fields=[
                _ID,
                ("uid", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("neighbour", models.CharField(max_length=60)),
                ("message", models.CharField(max_length=100)),
                ("activation", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField(null=True)),
                ("state", models.CharField(choices=_STATES, max_length=10)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("content", models.JSONField(null=True)),
                (
                    "noted",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="crises.neighbour",
                    ),
                ),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-received_at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["neighbour", "message"], name="one_message_a_neighbour_and_id"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            "Telling",
            fields=[
                _ID,
                ("neighbour", models.CharField(max_length=60)),
                (
                    "crisis",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tellings",
                        to="crises.crisis",
                    ),
                ),
                ("sequence", models.BigIntegerField(default=0)),
                ("due", models.CharField(max_length=64)),
                ("heard", models.CharField(blank=True, max_length=64)),
                ("message", models.UUIDField()),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField()),
                ("heard_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["neighbour", "crisis"], name="one_telling_a_neighbour_and_crisis"
                    )
                ],
            },
        ),
    ]
