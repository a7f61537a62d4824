# SPDX-License-Identifier: Apache-2.0
"""Make the one row that gives out numbers, and with it the hub's own id."""

from uuid import uuid4

from django.apps.registry import Apps as StateApps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def make_row(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """A hub is who it is from its first migration on."""
    apps.get_model("ledger", "Numbering").objects.create(hub=uuid4())


def remove_row(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Undo make_row; the tables themselves go with the migration before."""
    apps.get_model("ledger", "Numbering").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_first_tables")]
    operations = [migrations.RunPython(make_row, remove_row)]
