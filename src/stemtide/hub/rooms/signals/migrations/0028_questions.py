# SPDX-License-Identifier: Apache-2.0
"""Store questions of parties to the sharers of signals, and their answers."""

import django.db.models.deletion
from django.db import migrations, models

PROTECT, CASCADE = django.db.models.deletion.PROTECT, django.db.models.deletion.CASCADE

PK = {"auto_created": True, "primary_key": True, "serialize": False, "verbose_name": "ID"}


class Migration(migrations.Migration):
    dependencies = [("signals", "0027_external_kind"), ("parties", "0017_cached_values")]

    operations = [
        migrations.CreateModel(
            "SignalQuestion",
            [
                ("id", models.BigAutoField(**PK)),
                ("text", models.CharField(max_length=500)),
                ("sent_at", models.DateTimeField()),
                (
                    "answer",
                    models.CharField(blank=True, db_default="", default="", max_length=500),
                ),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "party",
                    models.ForeignKey(on_delete=PROTECT, related_name="+", to="parties.party"),
                ),
                (
                    "signal",
                    models.ForeignKey(
                        on_delete=CASCADE, related_name="questions", to="signals.signal"
                    ),
                ),
            ],
            options={"ordering": ["sent_at"]},
        ),
        migrations.AddIndex(
            "signalquestion", models.Index("party", "sent_at", name="questions_by_party")
        ),
        migrations.AddConstraint(
            "signalquestion",
            models.UniqueConstraint("signal", "party", name="one_question_a_party_and_signal"),
        ),
    ]
