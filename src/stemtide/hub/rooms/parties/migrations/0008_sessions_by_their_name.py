# SPDX-License-Identifier: Apache-2.0
"""Call the model of people's sessions so. The table keeps its name, and nothing in it changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("parties", "0007_troubles_of_agents")]
    operations = [
        migrations.AlterModelTable("Sitting", "parties_sitting"),
        migrations.RenameModel("Sitting", "PersonSession"),
    ]
