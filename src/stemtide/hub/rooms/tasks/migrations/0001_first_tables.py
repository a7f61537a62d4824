# SPDX-License-Identifier: Apache-2.0
"""Store the tasks of a response."""

from django.db import migrations, models
from django.db.models import PROTECT

ROLES = ["lead", "liaison", "verification", "media", "log_keeper"]


class Migration(migrations.Migration):
    initial = True
    dependencies = [("crises", "0007_roles"), ("parties", "0015_controllers")]

    operations = [
        migrations.CreateModel(
            name="Task",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("title", models.CharField(max_length=200)),
                (
                    "state",
                    models.CharField(
                        max_length=10,
                        choices=[(s, s) for s in ["open", "done", "dropped"]],
                        default="open",
                    ),
                ),
                ("due_at", models.DateTimeField()),
                (
                    "owner_role",
                    models.CharField(blank=True, max_length=20, choices=[(r, r) for r in ROLES]),
                ),
                (
                    "link_kind",
                    models.CharField(
                        blank=True,
                        max_length=10,
                        choices=[(k, k) for k in ["signal", "cluster", "referral", "order"]],
                    ),
                ),
                ("link", models.UUIDField(null=True)),
                ("given_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("exercise", models.BooleanField(default=False)),
                ("crisis", models.ForeignKey("crises.crisis", PROTECT, related_name="tasks")),
                (
                    "ended_by",
                    models.ForeignKey("parties.party", PROTECT, null=True, related_name="+"),
                ),
                ("given_by", models.ForeignKey("parties.party", PROTECT, related_name="+")),
                (
                    "owner_party",
                    models.ForeignKey("parties.party", PROTECT, null=True, related_name="+"),
                ),
                (
                    "owner_person",
                    models.ForeignKey("parties.person", PROTECT, null=True, related_name="+"),
                ),
            ],
            options={
                "ordering": ["due_at", "pk"],
                "indexes": [
                    models.Index(fields=["crisis", "state", "due_at"], name="tasks_of_a_crisis")
                ],
            },
        ),
    ]
