# SPDX-License-Identifier: Apache-2.0
"""Of which record another is one comparison: 0079."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("exchanges", "0003_refused_since")]

    operations = [
        migrations.AddField(
            model_name="record",
            name="part_of",
            field=models.CharField(blank=True, db_default="", max_length=300),
        ),
        migrations.AddIndex(
            model_name="record",
            index=models.Index(
                "exchange", "part_of", condition=~Q(part_of=""), name="records_by_whole"
            ),
        ),
    ]
