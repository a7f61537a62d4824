# SPDX-License-Identifier: Apache-2.0
"""Move this room's position in the ledger to the ledger's own table: decision 0090."""

from django.db import migrations

LOCK = "UPDATE ledger_numbering SET entries = entries"
"""Takes the ledger's lock, so that a scheduler of before cannot move the position meanwhile."""

CARRY = "INSERT INTO ledger_follower (name, number) SELECT 'stix', number FROM stix_cursor"
CARRY_BACK = (
    "INSERT INTO stix_cursor (id, number, counts_due)"
    " SELECT 1, number, false FROM ledger_follower WHERE name = 'stix'"
    " ON CONFLICT (id) DO UPDATE SET number = excluded.number"
)
REMOVE = "DELETE FROM ledger_follower WHERE name = 'stix'"


class Migration(migrations.Migration):
    dependencies = [("stix", "0005_second_descriptions"), ("ledger", "0009_followers")]
    operations = [
        migrations.RunSQL([LOCK, CARRY], [CARRY_BACK, REMOVE], elidable=True),
        migrations.RemoveField("cursor", "number"),
        migrations.RenameModel("Cursor", "SumPublication"),
    ]
