# SPDX-License-Identifier: Apache-2.0
"""Requests of data subjects. Decision 0201."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("parties", "0019_mechanisms"),
    ]

    operations = [
        migrations.CreateModel(
            name="RightsRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("legal_basis", models.CharField(max_length=20, null=True)),
                ("purpose", models.CharField(max_length=20, null=True)),
                ("retention_rule", models.CharField(max_length=60, null=True)),
                ("uid", models.UUIDField(unique=True)),
                ("reference", models.CharField(blank=True, max_length=60)),
                (
                    "law",
                    models.CharField(
                        choices=[("gdpr", "gdpr"), ("led", "led"), ("europol", "europol")],
                        max_length=10,
                    ),
                ),
                (
                    "right",
                    models.CharField(
                        choices=[
                            ("access", "access"),
                            ("rectification", "rectification"),
                            ("erasure", "erasure"),
                            ("restriction", "restriction"),
                            ("objection", "objection"),
                        ],
                        max_length=15,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("extended", "extended"),
                            ("answered", "answered"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("received_on", models.DateField()),
                ("noted_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                (
                    "extension",
                    models.CharField(
                        blank=True,
                        choices=[("complexity", "complexity"), ("number", "number")],
                        max_length=12,
                    ),
                ),
                ("informed_on", models.DateField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("granted", "granted"),
                            ("partly", "partly"),
                            ("refused", "refused"),
                            ("no_data", "no_data"),
                        ],
                        max_length=10,
                    ),
                ),
                ("answered_on", models.DateField(null=True)),
                ("overdue_at", models.DateTimeField(null=True)),
                ("exercise", models.BooleanField(default=False)),
                ("erase_due", models.DateTimeField(null=True)),
                ("erased_at", models.DateTimeField(null=True)),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rights_requests",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "ordering": ["due_at", "pk"],
                "indexes": [
                    models.Index(
                        models.F("party"),
                        models.F("state"),
                        models.F("due_at"),
                        name="rights_requests_by_due",
                    ),
                    models.Index(
                        models.F("due_at"),
                        condition=models.Q(
                            ("overdue_at__isnull", True), ("state__in", ["open", "extended"])
                        ),
                        name="rights_requests_overdue",
                    ),
                    models.Index(
                        models.F("erase_due"),
                        condition=models.Q(("erased_at__isnull", True)),
                        name="rights_requests_by_erasure",
                    ),
                ],
            },
        ),
    ]
