from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from stemtide.hub.platform import encryption

WORDS = ("facts", "reasons", "address", "locate", "callback")


def encrypt(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Encrypt the words of leads that stand in clear."""
    for row in _leads(apps, schema_editor):
        for name in WORDS:
            setattr(row, name, encryption.encrypt(getattr(row, name), use="leads"))
        row.save(update_fields=WORDS)


def decrypt(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Put the words of leads back in clear."""
    for row in _leads(apps, schema_editor):
        for name in WORDS:
            setattr(row, name, encryption.decrypt(getattr(row, name), use="leads"))
        row.save(update_fields=WORDS)


def _leads(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> list:
    leads = apps.get_model("situation", "Lead").objects.using(schema_editor.connection.alias)
    return list(leads.filter(erased_at=None))


class Migration(migrations.Migration):
    dependencies = [("situation", "0001_first_tables")]
    operations = [
        migrations.AlterField("lead", "callback", models.TextField(blank=True)),
        migrations.RunPython(encrypt, decrypt, elidable=True),
    ]
