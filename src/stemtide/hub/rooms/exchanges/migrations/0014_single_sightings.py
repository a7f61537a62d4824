# SPDX-License-Identifier: Apache-2.0
"""Single sightings, and authors and marks of opinions: 0231."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0013_sharing_groups"),
    ]

    operations = [
        migrations.AddField(
            model_name="partneropinion",
            name="author",
            field=models.CharField(blank=True, db_default="", max_length=300),
        ),
        migrations.AddField(
            model_name="partneropinion",
            name="tlp",
            field=models.CharField(blank=True, db_default="", max_length=15),
        ),
        migrations.AddField(
            model_name="partneropinion",
            name="read_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="PartnerSingleSighting",
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
                ("count", models.PositiveIntegerField()),
                ("last_at", models.DateTimeField()),
                ("tlp", models.CharField(blank=True, max_length=15)),
                ("seen_at", models.DateTimeField()),
                (
                    "exchange",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="single_sightings",
                        to="exchanges.exchange",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("exchange"),
                        models.F("about"),
                        name="single_sightings_by_record",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("exchange"),
                        models.F("key"),
                        name="one_single_sighting_a_name",
                    )
                ],
            },
        ),
    ]
