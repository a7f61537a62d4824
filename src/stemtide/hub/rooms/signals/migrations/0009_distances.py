# SPDX-License-Identifier: Apache-2.0
"""Limit the distance at which a signal matches to 31 bits; older hubs took up to 64.

Positions stay: agents limit what they were sent before by themselves.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_MOST = 31


def limit(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Limit the distances of all signals."""
    rows = apps.get_model("signals", "Signal").objects.using(schema_editor.connection.alias)
    rows.filter(within_bits__gt=_MOST).update(within_bits=_MOST)


class Migration(migrations.Migration):
    dependencies = [("signals", "0008_via")]
    operations = [migrations.RunPython(limit, migrations.RunPython.noop, elidable=True)]
