# SPDX-License-Identifier: Apache-2.0
"""Record when a decision of scrutiny was sent to each agency: Art. 4(6)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0002_review_proceedings"),
        ("parties", "0004_competences_and_series"),
    ]

    operations = [
        migrations.CreateModel(
            name="DecisionCopy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sent_at", models.DateTimeField()),
                (
                    "scrutiny",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sent",
                        to="orders.scrutiny",
                    ),
                ),
                (
                    "sent_to",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "decision copies",
                "ordering": ["sent_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("scrutiny", "sent_to"), name="decision_sent_once"
                    )
                ],
            },
        ),
    ]
