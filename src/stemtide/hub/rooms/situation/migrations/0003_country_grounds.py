# SPDX-License-Identifier: Apache-2.0
"""Keep why a country is concerned by a lead."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("situation", "0002_encrypted_leads"),
    ]

    operations = [
        migrations.AddField(
            model_name="lead",
            name="country_grounds",
            field=models.JSONField(null=True),
        ),
    ]
