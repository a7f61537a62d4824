# SPDX-License-Identifier: Apache-2.0
"""Signals of four more kinds, and a table for values as long as their content."""

from django.db import migrations, models

_KINDS = ("pdq", "sha256", "md5", "url", "video", "audio", "text", "gop")


class Migration(migrations.Migration):
    dependencies = [("signals", "0001_first_tables")]

    operations = [
        migrations.CreateModel(
            name="LongValue",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("size_bytes", models.PositiveIntegerField()),
                ("value", models.BinaryField()),
            ],
        ),
        migrations.AlterField(
            model_name="signal",
            name="kind",
            field=models.CharField(choices=[(kind, kind) for kind in _KINDS], max_length=10),
        ),
    ]
