# SPDX-License-Identifier: Apache-2.0
"""Store who holds which role in the response to a crisis."""

from django.db import migrations, models
from django.db.models import PROTECT

ROLES = ["lead", "liaison", "verification", "media", "log_keeper"]


class Migration(migrations.Migration):
    dependencies = [("crises", "0006_emergency_activation"), ("parties", "0015_controllers")]

    operations = [
        migrations.CreateModel(
            name="RoleHolding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("role", models.CharField(max_length=20, choices=[(r, r) for r in ROLES])),
                ("note", models.CharField(blank=True, max_length=500)),
                ("given_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "crisis",
                    models.ForeignKey("crises.crisis", models.CASCADE, related_name="roles"),
                ),
                ("given_by", models.ForeignKey("parties.party", PROTECT, related_name="+")),
                ("party", models.ForeignKey("parties.party", PROTECT, related_name="+")),
                (
                    "person",
                    models.ForeignKey("parties.person", PROTECT, null=True, related_name="+"),
                ),
            ],
            options={
                "ordering": ["given_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["crisis", "role"],
                        condition=models.Q(accepted_at__isnull=False, ended_at=None),
                        name="one_holder_a_crisis_and_role",
                    ),
                    models.UniqueConstraint(
                        fields=["crisis", "role"],
                        condition=models.Q(accepted_at=None, ended_at=None),
                        name="one_offer_a_crisis_and_role",
                    ),
                ],
            },
        ),
    ]
