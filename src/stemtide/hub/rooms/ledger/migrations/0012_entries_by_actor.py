# SPDX-License-Identifier: Apache-2.0
"""Find the entries of a party without reading the whole ledger: 0214."""

from django.db import migrations, models

from stemtide.hub.platform.postgresql.indexes import AddIndexBesideWriters


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0011_bulks_by_time")]

    operations = [
        AddIndexBesideWriters(
            model_name="entry",
            index=models.Index(fields=["actor", "number"], name="entries_by_actor"),
        ),
    ]
