# SPDX-License-Identifier: Apache-2.0
"""Where opinions on a source's records are sent, and which it has: 0217."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0010_kinds_of_the_package"),
    ]

    operations = [
        migrations.AddField(
            model_name="record",
            name="place",
            field=models.CharField(blank=True, db_default="", max_length=40),
        ),
        migrations.AddField(
            model_name="record",
            name="reaction",
            field=models.CharField(blank=True, db_default="", max_length=20),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                "exchange",
                "id",
                condition=~models.Q(place=""),
                name="records_with_a_place",
            ),
        ),
    ]
