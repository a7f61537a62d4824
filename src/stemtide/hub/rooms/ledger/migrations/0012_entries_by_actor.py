# SPDX-License-Identifier: Apache-2.0
"""Find the entries of a party without reading the whole ledger: 0214."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0011_bulks_by_time")]

    operations = [
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["actor", "number"], name="entries_by_actor"),
        ),
    ]
