# SPDX-License-Identifier: Apache-2.0
"""Find a party's complaints by their number."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("complaints", "0002_orders_and_asked")]
    operations = [
        migrations.AddIndex(
            "complaint", models.Index("party", "number", name="complaints_by_number")
        ),
    ]
