# SPDX-License-Identifier: Apache-2.0
"""Leaves that prove each signal by itself: 0187."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("transparency", "0003_purges"),
    ]

    operations = [
        migrations.AddField("log", "proves_from", models.BigIntegerField(null=True)),
        migrations.AddField("log", "proves_at", models.DateTimeField(null=True)),
        migrations.AddField("log", "proves_after", models.BigIntegerField(null=True)),
        migrations.CreateModel(
            name="MassEnd",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("first", models.BigIntegerField()),
                ("last", models.BigIntegerField(unique=True)),
            ],
        ),
    ]
