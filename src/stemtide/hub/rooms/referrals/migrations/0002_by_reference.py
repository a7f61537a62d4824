# SPDX-License-Identifier: Apache-2.0
"""Find referrals and holds by their file reference."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("referrals", "0001_first_tables")]
    operations = [
        migrations.AddIndex("referral", models.Index("reference", name="referrals_by_reference")),
        migrations.AddIndex("hold", models.Index("reference", name="holds_by_reference")),
    ]
