# SPDX-License-Identifier: Apache-2.0
"""Add files that come with news."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exercises", "0001_first_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="RunFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=130)),
                ("content", models.BinaryField()),
                ("size_bytes", models.IntegerField()),
                (
                    "news",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="files",
                        to="exercises.runnews",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
    ]
