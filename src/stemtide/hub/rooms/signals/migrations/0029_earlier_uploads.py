# SPDX-License-Identifier: Apache-2.0
"""Store how many uploads agents remembered that match a signal which came later."""

import django.db.models.deletion
from django.db import migrations, models

PROTECT, CASCADE = django.db.models.deletion.PROTECT, django.db.models.deletion.CASCADE

PK = {"auto_created": True, "primary_key": True, "serialize": False, "verbose_name": "ID"}


class Migration(migrations.Migration):
    dependencies = [("signals", "0028_questions"), ("parties", "0017_cached_values")]

    operations = [
        migrations.CreateModel(
            "EarlierUploadSum",
            [
                ("id", models.BigAutoField(**PK)),
                ("agent", models.CharField(max_length=63)),
                ("count", models.BigIntegerField()),
                ("first_hour", models.DateTimeField()),
                (
                    "party",
                    models.ForeignKey(on_delete=PROTECT, related_name="+", to="parties.party"),
                ),
                (
                    "signal",
                    models.ForeignKey(
                        on_delete=CASCADE, related_name="earlier_uploads", to="signals.signal"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            "earlieruploadsum",
            models.UniqueConstraint(
                "signal", "party", "agent", name="one_earlier_sum_a_signal_and_agent"
            ),
        ),
    ]
