# SPDX-License-Identifier: Apache-2.0
"""Let signals be of types of other packages. It changes no table."""

from django.db import migrations, models

_KINDS = ("pdq", "sha256", "md5", "url", "video", "audio", "text", "gop", "external")


class Migration(migrations.Migration):
    dependencies = [("signals", "0026_refused_tallies")]
    operations = [
        migrations.AlterField(
            "signal",
            "kind",
            models.CharField(max_length=10, choices=[(kind, kind) for kind in _KINDS]),
        ),
    ]
