# SPDX-License-Identifier: Apache-2.0
"""Let a key be replaced by another one, and ask for a client certificate."""

from django.db import migrations, models


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
    ]
