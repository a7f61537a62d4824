# SPDX-License-Identifier: Apache-2.0
"""Sum outcomes where they are counted: triggers keep them for each combination of marks.

No sighting is ever deleted. SQLite drops a table's triggers when a later migration remakes the
table: such a migration must call add_triggers again (tests/hub/rooms/test_tallies.py would see it).
Decision 0135.
"""

import django.db.models.deletion
from django.apps.registry import Apps as StateApps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_KEYS = {
    # An audience may be too long for an index of PostgreSQL.
    "sqlite": "tlp, audience, shared_by_id, exercise, coalesce(party_id, 0), outcome",
    "postgresql": "tlp, md5(audience), shared_by_id, exercise, coalesce(party_id, 0), outcome",
}
_LATEST = {"sqlite": "MAX", "postgresql": "GREATEST"}
_NOBODY = "CAST(NULL AS bigint)"


def _add(vendor: str, select: str) -> str:
    """Return the statement that adds selected rows to the tallies."""
    return (
        "INSERT INTO signals_outcometally"  # our own names
        " (tlp, audience, shared_by_id, exercise, party_id, outcome, count, last_at)"
        f" SELECT s.tlp, s.audience, s.shared_by_id, s.exercise, {select}"
        f" ON CONFLICT ({_KEYS[vendor]}) DO UPDATE SET"
        " count = signals_outcometally.count + excluded.count,"
        f" last_at = {_LATEST[vendor]}(signals_outcometally.last_at, excluded.last_at)"
    )


def _bodies(vendor: str) -> dict[str, str]:
    """Return what happens after a row of sightings is inserted, and after one is updated."""
    this = "FROM signals_signal s WHERE s.id = NEW.signal_id"
    other = "SELECT 1 FROM signals_sighting o WHERE o.signal_id = NEW.signal_id AND o.id <> NEW.id"
    first = f"AND NOT EXISTS ({other}"
    inserted = [
        f"NEW.party_id, NEW.outcome, NEW.count, NEW.last_at {this}",
        f"NEW.party_id, '', 1, NEW.last_at {this} {first} AND o.party_id = NEW.party_id)",
        f"{_NOBODY}, '', 1, NEW.last_at {this} {first})",
    ]
    updated = f"NEW.party_id, NEW.outcome, NEW.count - OLD.count, NEW.last_at {this}"
    return {
        "INSERT": "; ".join(_add(vendor, select) for select in inserted),
        "UPDATE": _add(vendor, updated),
    }


def add_key(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Make the unique index of the tallies, which models cannot state for both databases."""
    key = _KEYS[schema_editor.connection.vendor]
    schema_editor.execute(
        f"CREATE UNIQUE INDEX one_outcome_tally_a_mark ON signals_outcometally ({key})"
    )


def remove_key(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Undo add_key."""
    schema_editor.execute("DROP INDEX one_outcome_tally_a_mark")


def add_triggers(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Make the triggers of this database."""
    vendor = schema_editor.connection.vendor
    for event, body in _bodies(vendor).items():
        name = f"signals_outcome_tally_{event.lower()}"
        trigger = f"CREATE TRIGGER {name} AFTER {event} ON signals_sighting"
        if vendor == "sqlite":
            schema_editor.execute(f"{trigger} BEGIN {body}; END", params=None)
            continue
        schema_editor.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {body}; RETURN NULL; END $$",
            params=None,
        )
        schema_editor.execute(f"{trigger} FOR EACH ROW EXECUTE FUNCTION {name}()", params=None)


def remove_triggers(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Undo add_triggers."""
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    for event in ("insert", "update"):
        name = f"signals_outcome_tally_{event}"
        schema_editor.execute(
            f"DROP TRIGGER {name}" if is_sqlite else f"DROP FUNCTION {name}() CASCADE"
        )


def count_existing(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Sum the sightings that are there."""
    of_all = "FROM signals_sighting o JOIN signals_signal s ON s.id = o.signal_id WHERE true"
    group = "GROUP BY s.tlp, s.audience, s.shared_by_id, s.exercise"
    signals = "COUNT(DISTINCT o.signal_id), MAX(o.last_at)"
    for select in (
        f"o.party_id, o.outcome, SUM(o.count), MAX(o.last_at) {of_all} {group}, o.party_id, o.outcome",
        f"o.party_id, '', {signals} {of_all} {group}, o.party_id",
        f"{_NOBODY}, '', {signals} {of_all} {group}",
    ):
        schema_editor.execute(_add(schema_editor.connection.vendor, select), params=None)


class Migration(migrations.Migration):
    dependencies = [("signals", "0021_tallies")]
    operations = [
        migrations.CreateModel(
            "OutcomeTally",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tlp", models.CharField(max_length=15)),
                ("audience", models.TextField(blank=True)),
                ("exercise", models.BooleanField()),
                ("outcome", models.CharField(blank=True, max_length=10)),
                ("count", models.BigIntegerField()),
                ("last_at", models.DateTimeField()),
                (
                    "party",
                    models.ForeignKey(
                        "parties.Party",
                        on_delete=django.db.models.deletion.PROTECT,
                        null=True,
                        related_name="+",
                        db_index=False,
                    ),
                ),
                (
                    "shared_by",
                    models.ForeignKey(
                        "parties.Party",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        db_index=False,
                    ),
                ),
            ],
        ),
        migrations.RunPython(add_key, remove_key),
        migrations.RunPython(count_existing, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(add_triggers, remove_triggers),
    ]
