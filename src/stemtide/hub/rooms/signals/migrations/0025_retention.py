# SPDX-License-Identifier: Apache-2.0
"""Keep why, for what and until when each signal is kept.

The scheduler fills in older rows (rooms/retention/writes): decision 0189. All columns may be NULL, so
that SQLite does not remake the table, and with it its triggers.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("crises", "0008_reasons_of_invitations"),
        ("parties", "0017_cached_values"),
        ("signals", "0024_languages"),
    ]

    operations = [
        migrations.AddField(
            model_name="signal",
            name="erase_due",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="signal",
            name="erased_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="signal",
            name="legal_basis",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="signal",
            name="purpose",
            field=models.CharField(max_length=20, null=True),
        ),
        migrations.AddField(
            model_name="signal",
            name="retention_rule",
            field=models.CharField(max_length=60, null=True),
        ),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(
                models.F("erase_due"),
                condition=models.Q(("erased_at", None)),
                name="signals_by_erasure",
            ),
        ),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(
                models.F("id"),
                condition=models.Q(("retention_rule", None)),
                name="signals_without_rule",
            ),
        ),
    ]
