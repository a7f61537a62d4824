# SPDX-License-Identifier: Apache-2.0
"""Find the signals of one crisis in the order of the feed, however many others there are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("signals", "0006_stamps")]
    operations = [
        migrations.AddIndex(
            "signal", models.Index(fields=["crisis", "position"], name="signals_by_crisis")
        ),
    ]
