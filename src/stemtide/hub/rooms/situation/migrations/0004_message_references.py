# SPDX-License-Identifier: Apache-2.0
"""Store what messages mention and link to."""

from django.conf import settings
from django.db import migrations, models
from django.db.models import CASCADE, PROTECT

KINDS = ["signal", "cluster", "referral", "order", "task", "role", "party", "person"]


class Migration(migrations.Migration):
    dependencies = [
        ("parties", "0015_controllers"),
        ("situation", "0003_country_grounds"),
    ]

    operations = [
        migrations.CreateModel(
            name="MessageReference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("token", models.CharField(max_length=80)),
                ("kind", models.CharField(max_length=10, choices=[(k, k) for k in KINDS])),
                ("thing", models.UUIDField(null=True)),
                ("name", models.CharField(blank=True, max_length=20)),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=CASCADE, related_name="references", to="situation.message"
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(
                        null=True, on_delete=PROTECT, related_name="+", to="parties.party"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["pk"]},
        ),
        migrations.AddConstraint(
            model_name="messagereference",
            constraint=models.UniqueConstraint(
                "message", "token", name="one_reference_a_message_and_token"
            ),
        ),
    ]
