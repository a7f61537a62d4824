"""Name the crisis that an entry belongs to.

Entries from before keep an empty column, for an entry is never changed; those on a crisis itself
are found by their subject. Adding a column that may be empty remakes no table, so SQLite keeps the
triggers of 0003.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_append_only")]
    operations = [
        migrations.AddField("entry", "crisis", models.UUIDField(null=True)),
        migrations.AddIndex(
            "entry",
            models.Index(
                "crisis",
                "number",
                condition=models.Q(("crisis__isnull", False)),
                name="entries_of_a_crisis",
            ),
        ),
    ]
