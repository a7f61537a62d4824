# SPDX-License-Identifier: Apache-2.0
"""The first tables of the allow-list."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("parties", "0010_members"),
    ]

    operations = [
        migrations.CreateModel(
            name="ListState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=32)),
                ("position", models.BigIntegerField()),
                ("changed_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="AllowEntry",
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
                ("url", models.CharField(blank=True, max_length=4096)),
                ("reach", models.CharField(max_length=10, null=True)),
                ("within_bits", models.SmallIntegerField(null=True)),
                ("source", models.CharField(max_length=300)),
                ("source_url", models.CharField(blank=True, max_length=500)),
                ("reason", models.CharField(max_length=300)),
                ("added_ref", models.CharField(max_length=80)),
                ("added_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("removed_ref", models.CharField(blank=True, max_length=80)),
                ("removed_at", models.DateTimeField(null=True)),
                ("removed_reason", models.CharField(blank=True, max_length=300)),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                (
                    "removed_by",
                    models.ForeignKey(
                        null=True,
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
            name="AllowMatches",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("agent", models.CharField(max_length=63)),
                ("count", models.BigIntegerField()),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="matches",
                        to="allowlists.allowentry",
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
        ),
        migrations.AddConstraint(
            model_name="allowentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at__isnull", True)),
                fields=("value", "kind"),
                name="one_allow_entry_a_value",
            ),
        ),
        migrations.AddConstraint(
            model_name="allowmatches",
            constraint=models.UniqueConstraint(
                models.F("entry"),
                models.F("party"),
                models.F("agent"),
                name="one_count_an_entry_and_agent",
            ),
        ),
    ]
