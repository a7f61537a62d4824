# SPDX-License-Identifier: Apache-2.0
"""Find orders by their file reference."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0005_second_look")]
    operations = [
        migrations.AddIndex(
            "order", models.Index(fields=["reference"], name="orders_by_reference")
        ),
    ]
