# SPDX-License-Identifier: Apache-2.0
"""Keep doubts with which orders are issued, and copies for agencies: decision 0155."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0010_entered_elsewhere"),
        ("parties", "0015_controllers"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="copy_to_europol",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="order",
            name="despite",
            field=models.TextField(blank=True, db_default=""),
        ),
        migrations.AddField(
            model_name="order",
            name="is_media_service",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="OrderDoubt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("form", "form"),
                            ("address", "address"),
                            ("interest", "interest"),
                            ("hold", "hold"),
                            ("source", "source"),
                            ("media_service", "media_service"),
                            ("language", "language"),
                            ("copy", "copy"),
                        ],
                        max_length=20,
                    ),
                ),
                ("field", models.CharField(max_length=60)),
                ("template", models.TextField()),
                ("facts", models.JSONField(default=dict)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="doubts",
                        to="orders.order",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="AgencyCopy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sent_at", models.DateTimeField()),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="agency_copies",
                        to="orders.order",
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
                "verbose_name_plural": "agency copies",
                "ordering": ["sent_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("order", "sent_to"), name="one_agency_copy_an_order"
                    )
                ],
            },
        ),
    ]
