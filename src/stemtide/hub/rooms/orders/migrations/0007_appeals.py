# SPDX-License-Identifier: Apache-2.0
"""Record appeals against orders, and that an order is final: decision 0148."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0002_waiting_ends"),
        ("crises", "0008_reasons_of_invitations"),
        ("orders", "0006_by_reference"),
        ("parties", "0015_controllers"),
        ("signals", "0024_languages"),
    ]

    operations = [
        migrations.CreateModel(
            name="Appeal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                (
                    "lodged_by",
                    models.CharField(
                        choices=[
                            ("provider", "provider"),
                            ("content_provider", "content_provider"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("administrative", "administrative"), ("judicial", "judicial")],
                        max_length=20,
                    ),
                ),
                ("body", models.CharField(max_length=200)),
                ("lodged_on", models.DateField()),
                ("reference", models.CharField(blank=True, max_length=200)),
                ("entered_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("confirmed", "confirmed"),
                            ("overturned", "overturned"),
                            ("closed", "closed"),
                        ],
                        default="pending",
                        max_length=12,
                    ),
                ),
                ("decided_on", models.DateField(null=True)),
                ("decision", models.TextField(blank=True)),
            ],
            options={
                "ordering": ["entered_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Finality",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("final_on", models.DateField()),
                (
                    "ground",
                    models.CharField(
                        choices=[("expiry", "expiry"), ("confirmed", "confirmed")], max_length=12
                    ),
                ),
                ("recorded_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "finalities",
                "ordering": ["-final_on", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="FinalNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sent_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["sent_at", "pk"],
            },
        ),
        migrations.AddField(
            model_name="order",
            name="appeal_over_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="appeal_until",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="appeal_until_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="parties.party",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                models.F("appeal_until"),
                condition=models.Q(("appeal_over_at", None), ("appeal_until__isnull", False)),
                name="orders_by_appeal",
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="entered_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="parties.party"
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="appeals",
                to="orders.order",
            ),
        ),
        migrations.AddField(
            model_name="finality",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="finalities",
                to="orders.order",
            ),
        ),
        migrations.AddField(
            model_name="finalnotice",
            name="finality",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="sent",
                to="orders.finality",
            ),
        ),
        migrations.AddField(
            model_name="finalnotice",
            name="sent_to",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="parties.party"
            ),
        ),
        migrations.AddConstraint(
            model_name="finality",
            constraint=models.UniqueConstraint(
                models.F("order"),
                condition=models.Q(("ended_at", None)),
                name="one_finality_an_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="finalnotice",
            constraint=models.UniqueConstraint(
                fields=("finality", "sent_to"), name="finality_sent_once"
            ),
        ),
    ]
