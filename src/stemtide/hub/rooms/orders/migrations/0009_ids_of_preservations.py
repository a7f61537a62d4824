# SPDX-License-Identifier: Apache-2.0
"""Give the preservations of before an id: decision 0154."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import OuterRef, Subquery


def name_rows(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Give each existing row, of which an order has one, the id of its order."""
    orders = apps.get_model("orders", "Order").objects.filter(pk=OuterRef("order"))
    rows = apps.get_model("orders", "Preservation").objects.filter(uid=None)
    rows.update(uid=Subquery(orders.values("uid")[:1]))


def drop_other_bases(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Delete what the former table cannot hold: rows of other laws than Article 6."""
    apps.get_model("orders", "Preservation").objects.exclude(basis="tco").delete()


class Migration(migrations.Migration):
    dependencies = [("orders", "0008_bases_of_preservation")]
    operations = [migrations.RunPython(name_rows, drop_other_bases, elidable=True)]
