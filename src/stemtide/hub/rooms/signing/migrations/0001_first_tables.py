# SPDX-License-Identifier: Apache-2.0
"""Keep the public keys with which parties sign their signals."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("parties", "0019_mechanisms")]
    operations = [
        migrations.CreateModel(
            "SigningKey",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.CharField(max_length=140, unique=True)),
                ("added_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "end",
                    models.CharField(
                        blank=True,
                        choices=[("replaced", "replaced"), ("revoked", "revoked")],
                        max_length=10,
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signing_keys",
                        to="parties.party",
                    ),
                ),
            ],
            options={"ordering": ["party", "added_at", "pk"]},
        )
    ]
