# SPDX-License-Identifier: Apache-2.0
import django.db.models.deletion
from django.db import migrations, models

DUTIES = [(duty, duty) for duty in ("issue", "scrutinise", "measures", "penalties")]


class Migration(migrations.Migration):
    dependencies = [("parties", "0012_set_up_links")]
    operations = [
        migrations.CreateModel(
            name="CompetenceProposal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("duty", models.CharField(choices=DUTIES, max_length=20)),
                ("ends", models.BooleanField()),
                ("reason", models.CharField(max_length=500)),
                ("by_ref", models.CharField(max_length=80)),
                ("at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                (
                    "party",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="competence_proposal",
                        to="parties.party",
                    ),
                ),
            ],
        ),
    ]
