# SPDX-License-Identifier: Apache-2.0
"""Withdrawals of all that an exchange brought: 0133."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0006_proposed_exchanges"),
        ("parties", "0015_controllers"),
        ("signals", "0022_outcome_tallies"),
    ]

    operations = [
        migrations.CreateModel(
            name="Withdrawal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ref", models.CharField(max_length=80)),
                ("reason", models.CharField(max_length=20)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("total", models.PositiveIntegerField()),
                ("withdrawn", models.PositiveIntegerField(default=0)),
                ("waiting", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("last", models.BigIntegerField(default=0)),
                ("begun_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                ("restore_at", models.DateTimeField(null=True)),
                ("restore_ref", models.CharField(blank=True, max_length=80)),
                ("restored", models.PositiveIntegerField(default=0)),
                ("restored_at", models.DateTimeField(null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                (
                    "exchange",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="withdrawals",
                        to="exchanges.exchange",
                    ),
                ),
                (
                    "restore_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                ("signals", models.ManyToManyField(related_name="+", to="signals.signal")),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
    ]
