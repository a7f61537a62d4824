# SPDX-License-Identifier: Apache-2.0
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("parties", "0010_members")]
    operations = [
        migrations.AddField(
            model_name="person",
            name="name",
            field=models.CharField(blank=True, db_default="", default="", max_length=80),
        ),
    ]
