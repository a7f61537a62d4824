# SPDX-License-Identifier: Apache-2.0
"""Store the exercises that a hub runs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("crises", "0008_reasons_of_invitations"),
        ("parties", "0016_parties_of_exercises"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExerciseRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("scenario", models.CharField(max_length=60)),
                ("title", models.CharField(max_length=200)),
                ("definition", models.JSONField()),
                ("seed", models.IntegerField()),
                ("speed", models.FloatField()),
                (
                    "state",
                    models.CharField(
                        choices=[(v, v) for v in ("ready", "running", "paused", "ended")],
                        default="ready",
                        max_length=10,
                    ),
                ),
                ("directed_ref", models.CharField(max_length=80)),
                ("minutes", models.FloatField(default=0)),
                ("duration_min", models.FloatField()),
                ("steps", models.JSONField(default=list)),
                ("objectives", models.JSONField(default=list)),
                ("spread", models.JSONField(default=list)),
                (
                    "pause_reason",
                    models.CharField(
                        blank=True,
                        choices=[(v, v) for v in ("director", "real_crisis")],
                        max_length=12,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("heard_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "directed_by",
                    models.ForeignKey(
                        on_delete=models.PROTECT,
                        related_name="exercises_directed",
                        to="parties.party",
                    ),
                ),
                (
                    "paused_for",
                    models.ForeignKey(
                        null=True, on_delete=models.PROTECT, related_name="+", to="crises.crisis"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="Instruction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[(v, v) for v in ("inject", "skip", "speed", "say")], max_length=10
                    ),
                ),
                ("step", models.CharField(blank=True, max_length=60)),
                ("member", models.CharField(blank=True, max_length=60)),
                ("text", models.TextField(blank=True)),
                ("speed", models.FloatField(null=True)),
                ("given_ref", models.CharField(max_length=80)),
                ("given_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                ("outcome", models.TextField(blank=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=models.CASCADE,
                        related_name="instructions",
                        to="exercises.exerciserun",
                    ),
                ),
            ],
            options={
                "ordering": ["given_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Observation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                ("member", models.CharField(blank=True, max_length=60)),
                ("text", models.TextField()),
                ("by_ref", models.CharField(max_length=80)),
                ("at_min", models.FloatField()),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=models.PROTECT, related_name="+", to="parties.party"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=models.CASCADE,
                        related_name="observations",
                        to="exercises.exerciserun",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="RunMember",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("title", models.CharField(max_length=200)),
                ("is_bot", models.BooleanField()),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=models.PROTECT, related_name="+", to="parties.party"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="members", to="exercises.exerciserun"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="RunNews",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=60)),
                ("text", models.TextField()),
                ("at_min", models.FloatField()),
                ("at", models.DateTimeField()),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="news", to="exercises.runmember"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="news", to="exercises.exerciserun"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="runmember",
            constraint=models.UniqueConstraint(fields=("run", "name"), name="one_member_a_name"),
        ),
        migrations.AddConstraint(
            model_name="runmember",
            constraint=models.UniqueConstraint(fields=("run", "party"), name="one_member_a_party"),
        ),
    ]
