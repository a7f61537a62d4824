# SPDX-License-Identifier: Apache-2.0
"""Move this room's position in the ledger to the ledger's own table: decision 0090."""

from django.db import migrations

LOCK = "UPDATE ledger_numbering SET entries = entries"
"""Takes the ledger's lock, so that a scheduler of before cannot move the position meanwhile."""

CARRY = "INSERT INTO ledger_follower (name, number) SELECT 'alerts', number FROM alerts_cursor"
CARRY_BACK = (
    "INSERT INTO alerts_cursor (id, number)"
    " SELECT 1, number FROM ledger_follower WHERE name = 'alerts'"
)
REMOVE = "DELETE FROM ledger_follower WHERE name = 'alerts'"


class Migration(migrations.Migration):
    dependencies = [("alerts", "0004_deliveries_to_a_person"), ("ledger", "0009_followers")]
    operations = [
        migrations.RunSQL([LOCK, CARRY], [CARRY_BACK, REMOVE], elidable=True),
        migrations.DeleteModel("Cursor"),
    ]
