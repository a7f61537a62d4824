# SPDX-License-Identifier: Apache-2.0
"""Keep the public figures of quarters: decision 0195."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0005_yearly_versions"),
    ]

    operations = [
        migrations.CreateModel(
            name="PublishedFigures",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first", models.DateField(unique=True)),
                ("last", models.DateField()),
                ("body", models.TextField()),
                ("digest", models.CharField(max_length=64)),
                ("entry", models.BigIntegerField()),
                ("published_at", models.DateTimeField()),
            ],
            options={"ordering": ["first"]},
        ),
    ]
