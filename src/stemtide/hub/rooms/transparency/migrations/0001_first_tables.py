# SPDX-License-Identifier: Apache-2.0
"""The transparency log: 0164."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Head",
            fields=[
                ("hour", models.BigIntegerField(primary_key=True, serialize=False)),
                ("size", models.BigIntegerField()),
                ("note", models.TextField()),
                ("signed_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("data", models.BinaryField()),
                ("salt", models.BinaryField(null=True)),
                ("content_salt", models.BinaryField(null=True)),
                ("signals", models.BinaryField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Log",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("origin", models.CharField(max_length=100)),
                ("opened_at", models.DateTimeField()),
                ("backfilled", models.BigIntegerField()),
                ("size", models.BigIntegerField()),
                ("frontier", models.BinaryField()),
                ("signal", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("level", models.SmallIntegerField()),
                ("place", models.BigIntegerField()),
                ("hash", models.BinaryField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("level", "place"), name="one_node_a_place")
                ],
            },
        ),
    ]
