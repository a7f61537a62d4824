# SPDX-License-Identifier: Apache-2.0
"""Preserve content by several laws, each with its dates: decision 0154."""

import django.db.models.deletion
from django.db import migrations, models

_BASES = [("tco", "tco"), ("e_evidence", "e_evidence"), ("national", "national")]


class Migration(migrations.Migration):
    dependencies = [("orders", "0007_appeals"), ("parties", "0015_controllers")]
    operations = [
        migrations.AlterField(
            "preservation",
            "order",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="preservations",
                to="orders.order",
            ),
        ),
        migrations.AlterField("preservation", "until", models.DateTimeField(null=True)),
        migrations.AddField("preservation", "uid", models.UUIDField(null=True, unique=True)),
        migrations.AddField(
            "preservation",
            "basis",
            models.CharField(choices=_BASES, db_default="tco", default="tco", max_length=12),
        ),
        migrations.AddField(
            "preservation",
            "law",
            models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            "preservation",
            "authority",
            models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            "preservation",
            "entered_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="parties.party",
            ),
        ),
        migrations.AddField("preservation", "extended_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "preservation",
            "production",
            models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField("preservation", "ended_at", models.DateTimeField(null=True)),
        migrations.AlterModelOptions("preservation", {"ordering": ["pk"]}),
        migrations.AddConstraint(
            "preservation",
            models.UniqueConstraint(
                models.F("order"),
                condition=models.Q(("basis", "tco")),
                name="one_article_6_an_order",
            ),
        ),
    ]
