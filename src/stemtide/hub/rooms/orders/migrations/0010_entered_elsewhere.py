# SPDX-License-Identifier: Apache-2.0
"""Record removal orders that were made elsewhere, with their documents: decision 0151."""

import django.db.models.deletion
from django.db import migrations, models

_ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies = [("orders", "0009_ids_of_preservations"), ("parties", "0015_controllers")]

    operations = [
        migrations.RemoveConstraint("order", name="one_order_a_reference"),
        migrations.AddField(
            "order", "is_entered", models.BooleanField(default=False, db_default=False)
        ),
        migrations.AlterField(
            "order",
            "issued_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="orders_issued",
                to="parties.party",
            ),
        ),
        migrations.AlterField("order", "reference", models.CharField(blank=True, max_length=100)),
        migrations.AddConstraint(
            "order",
            models.UniqueConstraint(
                "issued_by",
                "reference",
                condition=models.Q(("reference", ""), _negated=True)
                & models.Q(("is_entered", False)),
                name="one_order_a_reference",
            ),
        ),
        migrations.CreateModel(
            name="EnteredDocument",
            fields=[
                ("id", _ID),
                ("uid", models.UUIDField(unique=True)),
                (
                    "kept_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                ("kept_at", models.DateTimeField()),
                ("name", models.CharField(blank=True, max_length=200)),
                ("ciphertext", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                ("size_bytes", models.PositiveIntegerField()),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("genuine", "genuine"),
                            ("untrusted", "untrusted"),
                            ("changed", "changed"),
                            ("unsealed", "unsealed"),
                            ("unreadable", "unreadable"),
                        ],
                        max_length=12,
                    ),
                ),
                ("seals", models.JSONField(default=list)),
                ("values", models.JSONField(default=dict)),
            ],
            options={
                "ordering": ["kept_at", "pk"],
                "indexes": [models.Index(fields=["sha256"], name="entered_documents_by_sha256")],
            },
        ),
        migrations.CreateModel(
            name="EnteredOrder",
            fields=[
                ("id", _ID.clone()),
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entry",
                        to="orders.order",
                    ),
                ),
                (
                    "document",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entry",
                        to="orders.entereddocument",
                    ),
                ),
                (
                    "entered_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                ("entered_at", models.DateTimeField()),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("perci", "perci"),
                            ("mail", "mail"),
                            ("post", "post"),
                            ("hand", "hand"),
                            ("other", "other"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("confirmed", "confirmed"),
                            ("disputed", "disputed"),
                            ("voided", "voided"),
                        ],
                        default="waiting",
                        max_length=12,
                    ),
                ),
                ("issuer_name", models.CharField(blank=True, max_length=200)),
                ("issuer_state", models.CharField(blank=True, max_length=2)),
                ("issuer_contact", models.CharField(blank=True, max_length=500)),
                ("answered_at", models.DateTimeField(null=True)),
                ("note", models.TextField(blank=True)),
            ],
            options={"ordering": ["entered_at", "pk"]},
        ),
    ]
