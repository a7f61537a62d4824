# SPDX-License-Identifier: Apache-2.0
"""Let a key be replaced by another one, and ask for a client certificate."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import Now


def keep(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Change nothing: no key was replaced yet."""


def revoke_replaced(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Revoke replaced keys: going back, a name has one valid key again."""
    keys = apps.get_model("parties", "ApiKey").objects
    keys.filter(replaced_at__isnull=False, revoked_at=None).update(revoked_at=Now())


class Migration(migrations.Migration):
    dependencies = [("parties", "0017_cached_values")]
    operations = [
        migrations.AddField(
            "apikey",
            "replaces",
            models.ForeignKey(
                "parties.apikey", models.PROTECT, null=True, related_name="replacements"
            ),
        ),
        migrations.AddField("apikey", "replaced_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "apikey",
            "certificate_sha256",
            models.CharField(max_length=64, blank=True, default="", db_default=""),
        ),
        migrations.RemoveConstraint("apikey", "one_live_key_a_name"),
        migrations.AddConstraint(
            "apikey",
            models.UniqueConstraint(
                "party",
                "name",
                condition=models.Q(revoked_at=None, replaced_at=None),
                name="one_current_key_a_name",
            ),
        ),
        migrations.RunPython(keep, revoke_replaced),
    ]
