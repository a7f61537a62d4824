# SPDX-License-Identifier: Apache-2.0
"""Bring the hub's code up inside a process: settings, apps, tables."""

import os


def start() -> None:
    """Make Django ready. Safe to call twice."""
    import django  # noqa: PLC0415  # the caller sets STEMTIDE_… first

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stemtide.hub.settings")
    django.setup()


def migrate() -> None:
    """Make or update the tables of the configured database."""
    from django.core.management import call_command  # noqa: PLC0415  # needs start() first

    call_command("migrate", interactive=False, verbosity=0)
