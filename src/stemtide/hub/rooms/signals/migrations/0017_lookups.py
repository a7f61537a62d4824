# SPDX-License-Identifier: Apache-2.0
"""Find expired signals by value, and signals of web addresses by how these begin."""

from django.db import migrations, models

from stemtide.hub.rooms.signals.address_index import AddressHead


class Migration(migrations.Migration):
    dependencies = [("signals", "0016_dismissals")]
    operations = [
        migrations.AddIndex(
            "signal",
            models.Index(
                "value", condition=models.Q(state="expired"), name="expired_signals_by_value"
            ),
        ),
        migrations.AddIndex(
            "signal",
            models.Index(
                AddressHead("url"), condition=models.Q(kind="url"), name="signals_by_address"
            ),
        ),
    ]
