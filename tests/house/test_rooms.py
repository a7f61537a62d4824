# SPDX-License-Identifier: Apache-2.0
"""Every hub room has the same few files, and its writes and reads keep their promises."""

import ast
from pathlib import Path

HUB = Path(__file__).parents[2] / "src/stemtide/hub"
ROOM = HUB / "rooms"
ROOMS = [
    "ledger",
    "parties",
    "crises",
    "signals",
    "stix",
    "exchanges",
    "situation",
    "media",
    "referrals",
    "orders",
    "rechecks",
    "complaints",
    "reports",
    "alerts",
    "webhooks",
]
USUAL = {"__init__.py", "models.py", "rules.py", "writes.py", "reads.py"}
"""A floor is a file while it is small, and a package of plain nouns when it is not."""
READERS = {"viewer", "party", "by"}
WRITERS = {
    *("save", "create", "delete", "bulk_create", "bulk_update", "get_or_create"),
    "update_or_create",
}

FOR_NOBODY_IN_PARTICULAR = {
    "ledger.heads": "numbers only: how far the ledger and the feed have come",
    "parties.caller": "it finds out who is asking",
    "signals.changes": "the wake asks it for everyone, and filters for each subscriber",
}
"""Reads that name no reader, each with its reason."""

WITHOUT_AN_ENTRY = {
    "parties.set_preferences": "how one person reads; it touches nobody else",
    "complaints.withdraw_all": "withdrawals, each of which signals record",
    "complaints.opine_all": "opinions, each of which signals record",
    "signals.count_rows": "report_outcomes, which calls it, records the sums",
    "alerts.create_alert": "rows of an alert; whoever calls it records the act that they belong to",
    "alerts.stop_deliveries": "whoever ends the alert records it",
    "alerts.note_arrival": "the room of the request records its receipt",
    "alerts.settle_request": "the room of the request records its acknowledgement",
    "requests.acknowledge_as_shown": "the alert records it, with the digest of what was shown",
    "requests.send_new_link": "renew_link records it, once it is known that something is left",
    "requests.act_on_order": "the room of orders records the act, and the alert its receipt",
    "requests.answer_referrals": "the room of referrals records the answers",
    "alerts.claim_due": "a lease, which is no act: what became of the delivery is recorded",
    "webhooks.claim_due": "a lease, which is no act: what became of the delivery is in its row",
    "webhooks.follow_ledger": "it follows from what the ledger holds already",
    "webhooks.forget_old": "deliveries that are over and were in the log long enough",
    "parties.start_session": "signing in is no act in the protocol; the row lives for a day",
    "parties.next_reference": "a number for a row; whoever makes the row records it",
    "parties.next_state_reference": "a number for a row; whoever makes the row records it",
    "parties.next_references": "numbers for rows; whoever makes the rows records it",
    "rechecks.follow_requests": "it follows from an answer that the ledger holds already",
    "stix.forget_receipts": "what became of old posts is thrown away",
    "signals.one_bulk": "a lock, which is no act",
    "signals.share_bulk": "shares rows with share_parsed, which records them",
    "stix.share_all": "new signals, whose sharing signals record",
    "stix.follow_ledger": "objects made of what the ledger holds already",
    "exchanges.claim_due": "a lease, which is no act: what the run brought is recorded",
    "exchanges.write_line": "a line of an exchange's own log, beside the ledger",
    "exchanges.write_records": "links of a page, part of taking it, which is recorded",
    "exchanges.withdraw_all": "withdrawals, each of which signals record",
    "exchanges.note_begun": "that signals are about to leave; what became of them is recorded",
    "exchanges.note_all_refused": "since when a run fails, which is recorded itself",
    "exchanges.note_waiting": "up to which position was looked; what is sent is recorded",
    "rechecks.claim_due": "a lease, which is no act: what the visit found is recorded",
    "parties.continue_session": "that somebody is still there, once a minute",
    "parties.end_session": "signing oneself out",
    "parties.end_other_sessions": "signing oneself out elsewhere",
    "parties.one_failure": "the turn in which django-axes counts; note_lock records what follows",
    "parties.begin_code": "a code is counted before it is looked at, while signing in",
    "parties.forget_code": "a code was right, while signing in",
    "parties.use_code": "a one-time code is spent while signing in",
    "parties.forget_claims": "what an identity provider said is thrown away",
}
"""Writes that leave no ledger entry, each with its reason."""

OTHER_FILES = {
    "ledger/crisis_versions.py": "how far the ledger came for each room, for the notifier: 0041",
    "parties/request_cache.py": "what readers of one page have read already: 0041",
    "reports/paper.py": "timelines and reports as PDF, for both doors; it knows no table",
    "signals/views.py": "what its reads hand to doors, where the protocol has no message for it",
    "signals/outlier_rules.py": "which counts of an agent are held back, over those views; pure",
    "signals/long_values.py": "values as long as their content, for its reads and writes alone",
    "signals/bulk_sql.py": "SQL for many rows at once, for its writes alone",
    "stix/parser.py": "reads what is posted before the lock to write it, for its writes alone",
    "media/keys.py": "the file of keys that previews are encrypted with, beside the database",
    "media/thumbnails.py": "the sandbox that makes pictures anew, for its writes alone",
    "complaints/encryption.py": "what only the hub opens: links, codes, words",
    "exchanges/runner.py": "runs what is due, outside every transaction: 0073",
    "exchanges/encryption.py": "secrets of other hubs, for its writes and its runner alone",
    "rechecks/visits.py": "makes the visits that are due, outside every transaction: 0050",
    "alerts/links.py": "signs and reads the links that acknowledge, for its reads and writes",
    "alerts/sender.py": "takes what is due to the channels, outside every transaction: 0030",
    "alerts/enclosures.py": "documents and JSON of a request, for sending and links: 0049, 0059",
    "webhooks/sender.py": "takes what is due to its receivers, outside every transaction: 0067",
}
"""Files of rooms beside the usual ones, each with its reason."""


def functions(path):
    tree = ast.parse(path.read_text("utf-8"))
    return [one for one in tree.body if isinstance(one, ast.FunctionDef)]


def public(path):
    return [one for one in functions(path) if not one.name.startswith("_")]


def test_rooms_hold_only_the_usual_files():
    odd = [
        f"{room}/{path.name}"
        for room in ROOMS
        for path in (ROOM / room).glob("*.py")
        if path.name not in USUAL and f"{room}/{path.name}" not in OTHER_FILES
    ]
    assert odd == []


def floor_files(what, rooms=None):
    """All files of one floor: writes.py of each room, or what its package writes/ holds."""
    found = [
        (room, path)
        for room in rooms or ROOMS
        for path in sorted([*(ROOM / room).glob(f"{what}.py"), *(ROOM / room).glob(f"{what}/*.py")])
        if path.name != "__init__.py"
    ]
    assert found
    return found


def test_rules_are_pure():
    """The import contract holds what rules import; here every file of the floor is listed."""
    impure = [
        f"{path.relative_to(HUB)} imports {name}"
        for _, path in floor_files("rules")
        for one in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(one, ast.Import | ast.ImportFrom)
        for name in [getattr(one, "module", None) or one.names[0].name]
        if name.startswith("django") or name.endswith(".models")
    ]
    assert impure == []


def records(name, bodies):
    """Whether a function, or a private helper it names, appends to the ledger."""
    body = bodies[name]
    private = [one for one in bodies if one.startswith("_") and one != name and f"{one}(" in body]
    is_told = "ledger.append(" in body or "ledger.append_by(" in body
    return is_told or any(records(one, bodies) for one in private)


def test_every_write_records_itself():
    silent = []
    for room, path in floor_files("writes", ROOMS[1:]):
        bodies = {one.name: ast.unparse(one) for one in functions(path)}
        assert bodies, path
        silent += [
            f"{room}/{path.name}: {name}"
            for name in bodies
            if not name.startswith("_")
            and not records(name, bodies)
            and f"{room}.{name}" not in WITHOUT_AN_ENTRY
        ]
    assert silent == []


def test_every_read_says_for_whom():
    open_to_all = []
    for room, path in floor_files("reads"):
        reads = public(path)
        assert reads, path
        open_to_all += [
            f"{room}/{path.name}: {read.name}"
            for read in reads
            if not READERS & {arg.arg for arg in read.args.args + read.args.kwonlyargs}
            and f"{room}.{read.name}" not in FOR_NOBODY_IN_PARTICULAR
        ]
    assert open_to_all == []


def test_the_reads_for_nobody_still_exist():
    known = {f"{room}.{one.name}" for room, path in floor_files("reads") for one in public(path)}
    assert set(FOR_NOBODY_IN_PARTICULAR) <= known


def test_only_writes_write():
    stray = [
        f"{path.relative_to(HUB)}:{call.lineno} {call.func.attr}"
        for path in HUB.rglob("*.py")
        if not (path.name == "writes.py" or path.parent.name == "writes")
        and "migrations" not in path.parts
        and path != HUB / "platform/sessions.py"  # Django's engine of sessions, on Django's table
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in WRITERS
        and ast.unparse(call.func) != "router.delete"  # the method of an endpoint
    ]
    assert stray == []
