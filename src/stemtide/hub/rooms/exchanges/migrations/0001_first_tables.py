# SPDX-License-Identifier: Apache-2.0
"""Exchanges, their records, what is to be pushed, and their log: decision 0073."""

import django.db.models.deletion
from django.db import migrations, models

import stemtide.interop.exchanges


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("parties", "0004_competences_and_series"),
        ("signals", "0008_via"),
    ]

    operations = [
        migrations.CreateModel(
            name="Exchange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("name", models.SlugField(max_length=40, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            (
                                stemtide.interop.exchanges.ExchangeKind["TAXII"],
                                stemtide.interop.exchanges.ExchangeKind["TAXII"],
                            ),
                            (
                                stemtide.interop.exchanges.ExchangeKind["STOPNCII"],
                                stemtide.interop.exchanges.ExchangeKind["STOPNCII"],
                            ),
                            (
                                stemtide.interop.exchanges.ExchangeKind["MISP_FEED"],
                                stemtide.interop.exchanges.ExchangeKind["MISP_FEED"],
                            ),
                        ],
                        max_length=20,
                    ),
                ),
                ("pulls", models.BooleanField(default=True)),
                ("pushes", models.BooleanField(default=False)),
                ("inside", models.BooleanField(default=False)),
                ("address", models.CharField(max_length=300)),
                ("push_address", models.CharField(blank=True, max_length=300)),
                ("account", models.CharField(blank=True, max_length=200)),
                ("secret", models.TextField(blank=True)),
                ("terms", models.JSONField(default=dict)),
                ("every_s", models.PositiveIntegerField()),
                ("is_paused", models.BooleanField(default=False)),
                ("hub", models.CharField(blank=True, max_length=36)),
                ("checkpoint", models.JSONField(default=dict)),
                ("next_at", models.DateTimeField(null=True)),
                ("taken", models.PositiveIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("trouble", models.CharField(blank=True, max_length=300)),
                ("last_ok_at", models.DateTimeField(null=True)),
                ("counts", models.JSONField(default=dict)),
                ("day", models.DateField(null=True)),
                ("day_count", models.PositiveIntegerField(default=0)),
                ("pushed_to", models.BigIntegerField(default=0)),
                ("added_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(null=True)),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exchanges",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Line",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("words", models.CharField(max_length=500)),
                (
                    "exchange",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="exchanges.exchange",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Outgoing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            (
                                stemtide.interop.exchanges.OutgoingState["WAITING"],
                                stemtide.interop.exchanges.OutgoingState["WAITING"],
                            ),
                            (
                                stemtide.interop.exchanges.OutgoingState["SENT"],
                                stemtide.interop.exchanges.OutgoingState["SENT"],
                            ),
                            (
                                stemtide.interop.exchanges.OutgoingState["TAKING_BACK"],
                                stemtide.interop.exchanges.OutgoingState["TAKING_BACK"],
                            ),
                            (
                                stemtide.interop.exchanges.OutgoingState["ENDED"],
                                stemtide.interop.exchanges.OutgoingState["ENDED"],
                            ),
                            (
                                stemtide.interop.exchanges.OutgoingState["REFUSED"],
                                stemtide.interop.exchanges.OutgoingState["REFUSED"],
                            ),
                        ],
                        max_length=20,
                    ),
                ),
                ("remote", models.CharField(blank=True, max_length=300)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("last_error", models.CharField(blank=True, max_length=300)),
                (
                    "exchange",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outgoing",
                        to="exchanges.exchange",
                    ),
                ),
                (
                    "signal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="outgoing",
                        to="signals.signal",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "outgoing",
                "ordering": ["pk"],
                "indexes": [
                    models.Index(models.F("exchange"), models.F("next_at"), name="outgoing_by_due")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("exchange"),
                        models.F("signal"),
                        name="one_outgoing_an_exchange_and_signal",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Record",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=300)),
                ("version", models.CharField(max_length=80)),
                ("is_own", models.BooleanField(default=True)),
                ("is_disputed", models.BooleanField(default=False)),
                ("ended", models.BooleanField(default=False)),
                ("seen_at", models.DateTimeField()),
                (
                    "exchange",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="records",
                        to="exchanges.exchange",
                    ),
                ),
                (
                    "signal",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="records",
                        to="signals.signal",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("exchange"), models.F("key"), name="one_record_an_exchange_and_key"
                    )
                ],
            },
        ),
    ]
