# SPDX-License-Identifier: Apache-2.0
"""Name the second look at an order. Existing orders have none: decision 0115."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0001_first_tables"),
        ("orders", "0004_emergency_ground"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="approval",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="orders",
                to="approvals.approval",
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="state",
            field=models.CharField(
                choices=[
                    ("drafted", "drafted"),
                    ("discarded", "discarded"),
                    ("submitted", "submitted"),
                    ("issued", "issued"),
                    ("received", "received"),
                    ("suspended", "suspended"),
                    ("executed", "executed"),
                    ("withdrawn", "withdrawn"),
                    ("annulled", "annulled"),
                    ("undone", "undone"),
                    ("reinstated", "reinstated"),
                ],
                default="drafted",
                max_length=12,
            ),
        ),
    ]
