# SPDX-License-Identifier: Apache-2.0
"""Keep the signatures of sharers over their signals."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("signals", "0029_earlier_uploads")]
    operations = [
        migrations.AddField("signal", "signature", models.CharField(max_length=88, null=True)),
    ]
