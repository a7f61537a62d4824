# SPDX-License-Identifier: Apache-2.0
"""Find the few signals that have a title, so that a search by its words reads no others."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("signals", "0019_spans_of_signals")]
    operations = [
        migrations.AddIndex(
            "signal",
            models.Index("position", condition=~models.Q(title=""), name="signals_with_titles"),
        ),
    ]
