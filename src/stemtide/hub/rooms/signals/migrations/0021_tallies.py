# SPDX-License-Identifier: Apache-2.0
"""Count signals where they change: triggers keep a tally for each combination of marks.

SQLite drops a table's triggers when a later migration remakes the table: such a migration must
call add_triggers again (tests/hub/rooms/test_tallies.py would see it). Decision 0135.
"""

import django.db.models.deletion
from django.apps.registry import Apps as StateApps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_MARKS = "tlp, audience, shared_by_id, exercise"
_IN_MISP = (
    "NOT {row}exercise AND {row}kind IN ('pdq', 'sha256', 'md5', 'url')"
    " AND NOT ({row}kind = 'url' AND ({row}url = '' OR {row}reach IS NOT NULL))"
)
_BLOCK = "{row}id / 5000"
"""The block of stemtide.interop.misp.events.MAX_SIGNALS, as the database divides."""

_NONE, _OWN = "CAST(NULL AS bigint)", "r.crisis_id"
"""Whose block a statement brings up to date: that of all signals, or that of a crisis."""

_KEYS = {
    # An audience may be too long for an index of PostgreSQL.
    "sqlite": {"tallies": _MARKS, "blocks": "block, coalesce(crisis_id, 0), tlp, audience"},
    "postgresql": {
        "tallies": "tlp, md5(audience), shared_by_id, exercise",
        "blocks": "block, coalesce(crisis_id, 0), tlp, md5(audience)",
    },
}
for _keys in _KEYS.values():
    _keys["blocks"] += ", shared_by_id"

_NUMBERS = {
    "live": "{row}state = 'live'",
    "withdrawn": "{row}state = 'withdrawn'",
    "expired": "{row}state = 'expired'",
    "disputed": "{row}state = 'live' AND {row}is_disputed",
}


def _add_tallies(vendor: str, select: str) -> str:
    """Return the statement that adds selected numbers, which may be negative, to the tallies."""
    added = ", ".join(f"{name} = signals_signaltally.{name} + excluded.{name}" for name in _NUMBERS)
    return (
        f"INSERT INTO signals_signaltally ({_MARKS}, {', '.join(_NUMBERS)}) {select}"  # our own names
        f" ON CONFLICT ({_KEYS[vendor]['tallies']}) DO UPDATE SET {added}"
    )


def _widen_blocks(vendor: str, rows: str, crisis: str) -> str:
    """Return the statement that brings MISP's blocks up to date with rows, named r.

    crisis: _NONE for the block of all signals, _OWN for that of the signal's crisis.
    """
    is_named = " AND r.crisis_id IS NOT NULL" if crisis == _OWN else ""
    latest, earliest = ("MAX", "MIN") if vendor == "sqlite" else ("GREATEST", "LEAST")
    return (
        "INSERT INTO signals_mispblock"  # noqa: S608  # our own names
        " (block, crisis_id, tlp, audience, shared_by_id, stamp_s, since)"
        f" SELECT {_BLOCK.format(row='r.')}, {crisis}, r.tlp, r.audience, r.shared_by_id,"
        " MAX(r.stamp_s), MIN(r.shared_at)"
        f" FROM {rows} r WHERE {_IN_MISP.format(row='r.')}{is_named}"
        " GROUP BY 1, 2, 3, 4, 5"
        f" ON CONFLICT ({_KEYS[vendor]['blocks']}) DO UPDATE SET"
        f" stamp_s = {latest}(signals_mispblock.stamp_s, excluded.stamp_s),"
        f" since = {earliest}(signals_mispblock.since, excluded.since)"
        " WHERE excluded.stamp_s > signals_mispblock.stamp_s OR excluded.since < signals_mispblock.since"
    )


def _sqlite() -> list[str]:
    """Return the triggers of SQLite: one call for each row."""

    names = _MARKS.split(", ")
    now = {name: number.format(row="NEW.") for name, number in _NUMBERS.items()}
    before = {name: number.format(row="OLD.") for name, number in _NUMBERS.items()}
    marks = ", ".join(f"NEW.{name}" for name in names)
    numbers = ", ".join(f"({number})" for number in now.values())
    count = _add_tallies("sqlite", f"VALUES ({marks}, {numbers})")
    # An update, and not _add_tallies: whoever empties all tables may have emptied the tallies first.
    uncount = (
        "UPDATE signals_signaltally SET "  # noqa: S608  # our own names
        + ", ".join(f"{name} = {name} - ({number})" for name, number in before.items())
        + " WHERE "
        + " AND ".join(f"{name} = OLD.{name}" for name in names)
    )
    this = "(SELECT * FROM signals_signal WHERE id = NEW.id)"
    blocks = "; ".join(_widen_blocks("sqlite", this, crisis) for crisis in (_NONE, _OWN))
    counted = "state, is_disputed, tlp, audience, shared_by_id, exercise"
    listed = (
        "stamp_s, shared_at, crisis_id, kind, url, reach, tlp, audience, shared_by_id, exercise"
    )
    return [
        (
            "CREATE TRIGGER signals_tally_added AFTER INSERT ON signals_signal BEGIN"
            f" {count}; {blocks}; END"
        ),
        (
            f"CREATE TRIGGER signals_tally_changed AFTER UPDATE OF {counted} ON signals_signal BEGIN"
            f" {uncount}; {count}; END"
        ),
        f"CREATE TRIGGER signals_tally_removed AFTER DELETE ON signals_signal BEGIN {uncount}; END",
        (
            f"CREATE TRIGGER signals_block_changed AFTER UPDATE OF {listed} ON signals_signal BEGIN"
            f" {blocks}; END"
        ),
    ]


def _postgresql() -> list[str]:
    """Return the triggers of PostgreSQL: one call for each statement, however many rows it has."""
    numbers = {
        sign: ", ".join(
            f"{sign}({number.format(row='')})::int AS {name}" for name, number in _NUMBERS.items()
        )
        for sign in "+-"
    }
    sums = ", ".join(f"SUM({name})" for name in _NUMBERS)
    is_change = " OR ".join(f"SUM({name}) <> 0" for name in _NUMBERS)
    added = f"SELECT {_MARKS}, {numbers['+']} FROM added"  # noqa: S608  # our own names
    removed = f"SELECT {_MARKS}, {numbers['-']} FROM removed"  # noqa: S608  # our own names
    triggers = {
        "added": ("INSERT", "NEW TABLE AS added", added),
        "changed": (
            "UPDATE",
            "OLD TABLE AS removed NEW TABLE AS added",
            f"{added} UNION ALL {removed}",
        ),
        "removed": ("DELETE", "OLD TABLE AS removed", removed),
    }
    statements = []
    for name, (event, tables, changes) in triggers.items():
        select = (
            f"SELECT {_MARKS}, {sums} FROM ({changes}) changes"  # noqa: S608  # our own names
            f" GROUP BY {_MARKS} HAVING {is_change}"
        )
        body = [_add_tallies("postgresql", select)]
        if name != "removed":
            body += [_widen_blocks("postgresql", "added", crisis) for crisis in (_NONE, _OWN)]
        statements += [
            (
                f"CREATE FUNCTION signals_tally_{name}() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN {'; '.join(body)}; RETURN NULL; END $$"
            ),
            (
                f"CREATE TRIGGER signals_tally_{name} AFTER {event} ON signals_signal"
                f" REFERENCING {tables}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION signals_tally_{name}()"
            ),
        ]
    return statements


def add_keys(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Make the unique indexes of the tallies, which models cannot state for both databases."""
    keys = _KEYS[schema_editor.connection.vendor]
    schema_editor.execute(
        f"CREATE UNIQUE INDEX one_tally_a_mark ON signals_signaltally ({keys['tallies']})"
    )
    schema_editor.execute(
        f"CREATE UNIQUE INDEX one_block_a_mark ON signals_mispblock ({keys['blocks']})"
    )


def remove_keys(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Undo add_keys."""
    for name in ("one_tally_a_mark", "one_block_a_mark"):
        schema_editor.execute(f"DROP INDEX {name}")


def add_triggers(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Make the triggers of this database."""
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    for statement in _sqlite() if is_sqlite else _postgresql():
        schema_editor.execute(statement, params=None)


def remove_triggers(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Undo add_triggers."""
    if schema_editor.connection.vendor == "sqlite":
        names = ("tally_added", "tally_changed", "tally_removed", "block_changed")
        statements = [f"DROP TRIGGER signals_{name}" for name in names]
    else:
        names = ("added", "changed", "removed")
        statements = [f"DROP FUNCTION signals_tally_{name}() CASCADE" for name in names]
    for statement in statements:
        schema_editor.execute(statement)


def count_existing(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:  # noqa: ARG001  # Django calls it so
    """Count the signals that are there."""
    vendor = schema_editor.connection.vendor
    numbers = ", ".join(
        f"SUM(CASE WHEN {number.format(row='')} THEN 1 ELSE 0 END)" for number in _NUMBERS.values()
    )
    # WHERE true: without it SQLite takes ON CONFLICT for a join.
    select = f"SELECT {_MARKS}, {numbers} FROM signals_signal WHERE true GROUP BY {_MARKS}"  # noqa: S608  # our own names
    schema_editor.execute(_add_tallies(vendor, select), params=None)
    for crisis in (_NONE, _OWN):
        schema_editor.execute(_widen_blocks(vendor, "signals_signal", crisis), params=None)


class Migration(migrations.Migration):
    dependencies = [("signals", "0020_signals_with_titles")]
    operations = [
        migrations.CreateModel(
            "SignalTally",
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
                ("live", models.BigIntegerField()),
                ("withdrawn", models.BigIntegerField()),
                ("expired", models.BigIntegerField()),
                ("disputed", models.BigIntegerField()),
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
        migrations.CreateModel(
            "MispBlock",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("block", models.BigIntegerField()),
                ("tlp", models.CharField(max_length=15)),
                ("audience", models.TextField(blank=True)),
                ("stamp_s", models.BigIntegerField()),
                ("since", models.DateTimeField()),
                (
                    "crisis",
                    models.ForeignKey(
                        "crises.Crisis",
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
        migrations.RunPython(add_keys, remove_keys),
        migrations.RunPython(count_existing, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(add_triggers, remove_triggers),
    ]
