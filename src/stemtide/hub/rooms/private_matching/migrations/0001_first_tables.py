# SPDX-License-Identifier: Apache-2.0
"""Epochs, evaluated digests and counts of private matching: decision 0208."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("parties", "0019_mechanisms"),
        ("signals", "0029_earlier_uploads"),
    ]

    operations = [
        migrations.CreateModel(
            name="EvaluationCount",
            fields=[
                (
                    "party",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="parties.party",
                    ),
                ),
                ("day", models.DateField()),
                ("count", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="MatchEpoch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seed", models.CharField(max_length=200)),
                ("public_key", models.CharField(max_length=64)),
                ("position", models.BigIntegerField(default=0)),
                ("prefix_bits", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("began_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="EvaluatedSignal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tag", models.BigIntegerField()),
                ("sealed", models.BinaryField()),
                (
                    "signal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="signals.signal",
                    ),
                ),
                (
                    "epoch",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="private_matching.matchepoch",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["epoch", "tag"], name="evaluated_signals_by_tag")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("epoch", "signal"), name="one_row_an_epoch_and_signal"
                    )
                ],
            },
        ),
    ]
