# SPDX-License-Identifier: Apache-2.0
"""Opinions and sightings of other hubs: 0219."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0007_withdrawals"),
    ]

    operations = [
        migrations.CreateModel(
            name="PartnerOpinion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=300)),
                ("about", models.CharField(max_length=300)),
                ("version", models.CharField(max_length=80)),
                (
                    "opinion",
                    models.CharField(
                        choices=[("agree", "agree"), ("dispute", "dispute"), ("seen", "seen")],
                        max_length=10,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
                ("is_due", models.BooleanField(default=True)),
                ("seen_at", models.DateTimeField()),
                (
                    "exchange",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="partner_opinions",
                        to="exchanges.exchange",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("exchange"), models.F("about"), name="partner_opinions_by_record"
                    ),
                    models.Index(
                        models.F("exchange"),
                        models.F("id"),
                        condition=models.Q(("is_due", True)),
                        name="partner_opinions_due",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("exchange"),
                        models.F("key"),
                        models.F("about"),
                        name="one_partner_opinion_a_record",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PartnerSighting",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("about", models.CharField(max_length=300)),
                ("version", models.CharField(max_length=80)),
                ("outcomes", models.JSONField()),
                ("last_at", models.DateTimeField()),
                (
                    "exchange",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="partner_sightings",
                        to="exchanges.exchange",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("exchange"),
                        models.F("about"),
                        name="one_partner_sighting_a_record",
                    )
                ],
            },
        ),
    ]
