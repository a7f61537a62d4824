# SPDX-License-Identifier: Apache-2.0
"""Store decisions that set all open disputes of a party and its group aside."""

import django.db.models.deletion
from django.db import migrations, models

PROTECT, CASCADE = django.db.models.deletion.PROTECT, django.db.models.deletion.CASCADE

PK = {"auto_created": True, "primary_key": True, "serialize": False, "verbose_name": "ID"}


class Migration(migrations.Migration):
    dependencies = [("signals", "0015_runaways"), ("parties", "0010_members")]

    operations = [
        migrations.CreateModel(
            "Dismissal",
            [
                ("id", models.BigAutoField(**PK)),
                ("uid", models.UUIDField(unique=True)),
                ("reason", models.CharField(max_length=500)),
                ("count", models.PositiveIntegerField()),
                ("decided_at", models.DateTimeField()),
                ("restored_at", models.DateTimeField(null=True)),
                ("by", models.ForeignKey(on_delete=PROTECT, related_name="+", to="parties.party")),
                (
                    "party",
                    models.ForeignKey(on_delete=PROTECT, related_name="+", to="parties.party"),
                ),
                (
                    "restored_by",
                    models.ForeignKey(
                        null=True, on_delete=PROTECT, related_name="+", to="parties.party"
                    ),
                ),
            ],
            options={"ordering": ["-pk"]},
        ),
        migrations.CreateModel(
            "DismissedParty",
            [
                ("id", models.BigAutoField(**PK)),
                ("count", models.PositiveIntegerField()),
                ("answer", models.CharField(blank=True, default="", max_length=500)),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "dismissal",
                    models.ForeignKey(
                        on_delete=CASCADE, related_name="parties", to="signals.dismissal"
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(on_delete=PROTECT, related_name="+", to="parties.party"),
                ),
            ],
            options={
                "ordering": ["party__name"],
                "constraints": [
                    models.UniqueConstraint(
                        "dismissal", "party", name="one_row_a_dismissal_and_party"
                    )
                ],
            },
        ),
        migrations.AddField(
            "opinionrow",
            "dismissal",
            models.ForeignKey(
                null=True, on_delete=PROTECT, related_name="disputes", to="signals.dismissal"
            ),
        ),
    ]
