# SPDX-License-Identifier: Apache-2.0
"""The first tables of acts that wait for a second look: 0113."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("crises", "0006_emergency_activation"),
        ("parties", "0010_members"),
    ]

    operations = [
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                (
                    "act",
                    models.CharField(
                        choices=[
                            (
                                "share",
                                "share",
                            ),
                            (
                                "order",
                                "order",
                            ),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            (
                                "waiting",
                                "waiting",
                            ),
                            (
                                "approved",
                                "approved",
                            ),
                            (
                                "refused",
                                "refused",
                            ),
                            (
                                "taken_back",
                                "taken_back",
                            ),
                            (
                                "expired",
                                "expired",
                            ),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("asked_ref", models.CharField(blank=True, max_length=80)),
                ("reasons", models.JSONField()),
                ("who", models.CharField(max_length=40)),
                ("payload", models.JSONField(default=dict)),
                ("tlp", models.CharField(blank=True, max_length=15)),
                ("audience", models.TextField(blank=True)),
                ("exercise", models.BooleanField(default=False)),
                ("count", models.PositiveIntegerField(default=1)),
                ("is_done", models.BooleanField(default=False)),
                ("asked_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("decided_ref", models.CharField(blank=True, max_length=80)),
                ("decided_at", models.DateTimeField(null=True)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("not_done", models.JSONField(default=list)),
                (
                    "crisis",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="crises.crisis",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="WaitingSignal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("kind", models.CharField(max_length=10)),
                ("value", models.CharField(max_length=64)),
                ("exercise", models.BooleanField()),
                ("body", models.TextField()),
                ("notes", models.JSONField(default=dict)),
                ("is_open", models.BooleanField(default=True)),
                (
                    "approval",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="signals",
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
            },
        ),
        migrations.CreateModel(
            name="ActCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("act", models.CharField(max_length=10)),
                ("exercise", models.BooleanField()),
                ("day", models.DateField()),
                ("count", models.BigIntegerField()),
                (
                    "party",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("party"),
                        models.F("act"),
                        models.F("exercise"),
                        name="one_count_a_party_and_act",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(
                models.F("expires_at"),
                condition=models.Q(("state", "waiting")),
                name="approvals_by_expiry",
            ),
        ),
        migrations.AddConstraint(
            model_name="waitingsignal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_open", True)),
                fields=("party", "value", "kind", "exercise"),
                name="one_waiting_signal_a_value",
            ),
        ),
    ]
