# SPDX-License-Identifier: Apache-2.0
"""Give parties a standing, with its history and the proposals to suspend."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("parties", "0008_sessions_by_their_name"),
    ]

    operations = [
        migrations.AddField(
            model_name="party",
            name="group",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.AddField(
            model_name="party",
            name="position",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="party",
            name="speaks_for_digests",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="party",
            name="standing",
            field=models.CharField(
                choices=[
                    ("new", "new"),
                    ("member", "member"),
                    ("trusted", "trusted"),
                    ("suspended", "suspended"),
                ],
                db_default="new",
                default="new",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="party",
            name="vetting_due",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="StandingChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("before", models.CharField(max_length=10)),
                ("after", models.CharField(max_length=10)),
                ("group", models.CharField(blank=True, max_length=60)),
                ("speaks_for_digests", models.BooleanField(default=False)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("by_ref", models.CharField(max_length=80)),
                ("second_ref", models.CharField(blank=True, max_length=80)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="standing_changes",
                        to="parties.party",
                    ),
                ),
                (
                    "second",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="SuspensionProposal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("lifts", models.BooleanField()),
                ("reason", models.CharField(max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("confirmed", "confirmed"),
                            ("declined", "declined"),
                            ("withdrawn", "withdrawn"),
                            ("expired", "expired"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("by_ref", models.CharField(max_length=80)),
                ("by_role", models.CharField(blank=True, max_length=30)),
                ("at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("decided_ref", models.CharField(blank=True, max_length=80)),
                ("decided_role", models.CharField(blank=True, max_length=30)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_reason", models.CharField(blank=True, max_length=500)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.party",
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="suspension_proposals",
                        to="parties.party",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("party"),
                        condition=models.Q(("state", "open")),
                        name="one_open_suspension_proposal",
                    )
                ],
            },
        ),
    ]
