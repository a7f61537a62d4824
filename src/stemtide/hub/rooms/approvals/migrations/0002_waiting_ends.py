# SPDX-License-Identifier: Apache-2.0
"""Withdrawals and disputes that wait for a second look: the signals that they are about."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

ACTS = ("share", "withdraw", "dispute", "order")


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_first_tables"), ("parties", "0010_members")]

    operations = [
        migrations.AlterField(
            model_name="approval",
            name="act",
            field=models.CharField(choices=[(act, act) for act in ACTS], max_length=10),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(
                models.F("decided_at"),
                condition=Q(state__in=["refused", "taken_back", "expired"]) & ~Q(act="order"),
                name="approvals_to_forget",
            ),
        ),
        migrations.CreateModel(
            name="AffectedSignal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField()),
                ("act", models.CharField(max_length=10)),
                ("body", models.TextField()),
                ("before", models.JSONField(null=True)),
                ("is_open", models.BooleanField(default=True)),
                (
                    "approval",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="affected",
                        to="approvals.approval",
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(is_open=True),
                        fields=("uid", "party", "act"),
                        name="one_waiting_end_a_signal",
                    )
                ],
            },
        ),
    ]
