# SPDX-License-Identifier: Apache-2.0
"""How far a web address reaches, and what is known of who made the content.

Columns that may be empty: rows and programs of before go on as they were.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("signals", "0002_long_values")]

    operations = [
        migrations.AddField(
            model_name="signal",
            name=name,
            field=models.CharField(max_length=length, null=True),
        )
        for name, length in (("reach", 10), ("ideology", 30), ("entity", 120))
    ]
