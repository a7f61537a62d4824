# SPDX-License-Identifier: Apache-2.0
"""Since when a signal is refused while nothing is taken, in place of in how many runs: 0073."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exchanges", "0002_refusals")]

    operations = [
        migrations.RemoveField(model_name="outgoing", name="refusals"),
        migrations.AddField(
            model_name="outgoing",
            name="refused_since",
            field=models.DateTimeField(null=True),
        ),
    ]
