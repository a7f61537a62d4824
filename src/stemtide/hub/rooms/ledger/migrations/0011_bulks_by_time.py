# SPDX-License-Identifier: Apache-2.0
"""Find the bulks of a time without reading the whole ledger: 0190."""

from django.db import migrations, models

from stemtide.hub.platform.postgresql.indexes import AddIndexBesideWriters


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0010_hub_settings")]

    operations = [
        AddIndexBesideWriters(
            model_name="entry",
            index=models.Index(
                models.F("recorded_at"),
                condition=models.Q(("kind", "signals.shared")),
                name="bulks_by_time",
            ),
        ),
    ]
