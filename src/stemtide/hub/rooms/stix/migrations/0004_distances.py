# SPDX-License-Identifier: Apache-2.0
"""Limit the distance that a posted indicator of a signal tells to 31 bits, as its signal has it."""

import json

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_MOST = 31
_EXTENSION = "extension-definition--0f2e6c1b-7a39-4d15-9c64-3f1d8f1b5a27"


def limit(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Limit the distances in the texts of posted indicators."""
    rows = apps.get_model("stix", "StixObject").objects.using(schema_editor.connection.alias)
    wide = rows.filter(type="indicator", signal__isnull=False, body__contains='"within_bits":')
    for row in wide.iterator(chunk_size=500):
        stix = json.loads(row.body)
        extensions = stix.get("extensions")  # the words may stand in another property as well
        extension = extensions.get(_EXTENSION) if isinstance(extensions, dict) else None
        bits = extension.get("within_bits") if isinstance(extension, dict) else None
        if isinstance(bits, int) and bits > _MOST:
            extension["within_bits"] = _MOST
            row.body = json.dumps(stix, ensure_ascii=False, separators=(",", ":"))
            row.save(update_fields=["body"])


class Migration(migrations.Migration):
    dependencies = [("stix", "0003_parts_of_patterns"), ("signals", "0009_distances")]
    operations = [migrations.RunPython(limit, migrations.RunPython.noop, elidable=True)]
