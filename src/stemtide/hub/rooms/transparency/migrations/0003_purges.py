# SPDX-License-Identifier: Apache-2.0
"""Keep certificates of what was erased. Decision 0190."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("transparency", "0002_witnesses"),
    ]

    operations = [
        migrations.CreateModel(
            name="Purge",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(unique=True)),
                (
                    "row_class",
                    models.CharField(
                        choices=[
                            ("signal", "signal"),
                            ("referral", "referral"),
                            ("order", "order"),
                            ("preservation", "preservation"),
                            ("message", "message"),
                            ("lead", "lead"),
                            ("complaint", "complaint"),
                            ("preview", "preview"),
                        ],
                        max_length=12,
                    ),
                ),
                ("rule", models.CharField(max_length=60)),
                ("count", models.PositiveIntegerField()),
                ("exercise", models.BooleanField(default=False)),
                ("note", models.TextField()),
                ("leaves", models.JSONField(default=list)),
                ("salt", models.CharField(max_length=64)),
                ("entry", models.BigIntegerField(unique=True)),
                ("purged_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "ordering": ["entry"],
            },
        ),
        migrations.CreateModel(
            name="ErasedDigest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.BigIntegerField()),
                ("signal", models.UUIDField()),
                ("digest", models.BinaryField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("number", "signal"), name="one_erased_digest_a_leaf"
                    )
                ],
            },
        ),
    ]
