# SPDX-License-Identifier: Apache-2.0
"""Every hub room has the same few files, and its writes and reads keep their promises."""

import ast
import re
from pathlib import Path

from tests.house.sources import statements

HUB = Path(__file__).parents[2] / "src/stemtide/hub"
ROOM = HUB / "rooms"
ROOMS = [
    "ledger",
    "parties",
    "signing",
    "crises",
    "exercises",
    "approvals",
    "allowlists",
    "signals",
    "propagation",
    "stix",
    "exchanges",
    "situation",
    "media",
    "local_features",
    "private_matching",
    "referrals",
    "orders",
    "transparency",
    "tasks",
    "rechecks",
    "complaints",
    "rights",
    "retention",
    "adoptions",
    "reports",
    "alerts",
    "webhooks",
]
USUAL = {"__init__.py", "models.py", "rules.py", "writes.py", "reads.py"}
"""A floor is a file while it is small, and a package of plain nouns when it is not."""
READERS = {"viewer", "party", "by", "actor"}
WRITERS = {
    *("save", "create", "delete", "bulk_create", "bulk_update", "get_or_create"),
    "update_or_create",
}
READER_NAMES = {"viewer", "by", "actor"}
READING = re.compile(rf"\b({'|'.join(sorted(READER_NAMES))})\s*[:,)=]")
"""What a file has that takes one of them."""

WRITING = re.compile(rf"\.({'|'.join(sorted(WRITERS))})\b")
"""What a file has that calls one of them."""


OTHER_FILES = {
    "transparency/asker.py": "asks witnesses outside, for the scheduler alone: 0177",
    "ledger/crisis_versions.py": "how far the ledger came for each room, for the notifier: 0041",
    "parties/shared_cache.py": "Django's cache, on a table of this room: 0171",
    "parties/request_cache.py": "what readers of one page have read already: 0041",
    "reports/drafts.py": "what a report begins with, in the language of who opens it: 0026",
    "reports/paper.py": "timelines and reports as PDF, for both doors; it knows no table",
    "approvals/acts.py": "what rooms above do once it was approved; they register it: 0113",
    "signals/approved_acts.py": "what shares do once they were approved: 0113",
    "orders/approved_acts.py": "what becomes of orders once a second person decided: 0115",
    "signals/views.py": "what its reads hand to doors, where the protocol has no message for it",
    "signals/outlier_rules.py": "which counts of an agent are held back, over those views; pure",
    "signals/long_values.py": "values as long as their content, for its reads and writes alone",
    "signals/refused_values.py": "the operator's list of values, which no table may hold: 0183",
    "signals/tail.py": "the feed for all readers at once, for the wire alone: 0128",
    "signals/address_index.py": "the expression of an index, for its models and reads",
    "signals/bulk_sql.py": "SQL for many rows at once, for its writes alone",
    "stix/parser.py": "reads what is posted before the lock to write it, for its writes alone",
    "media/keys.py": "the file of keys that previews are encrypted with, beside the database",
    "media/thumbnails.py": "the sandbox that makes pictures anew, for its writes alone",
    "crises/known_neighbours.py": "the operator's file of neighbours with their keys: 0212",
    "crises/teller.py": "takes our activations to neighbours, outside every transaction: 0212",
    "complaints/encryption.py": "what only the hub opens: links, codes, words",
    "exchanges/connection.py": "tests a connection, outside every transaction: 0127",
    "exchanges/runner.py": "runs what is due, outside every transaction: 0073",
    "exchanges/encryption.py": "secrets of other hubs, for its writes and its runner alone",
    "rechecks/visits.py": "makes the visits that are due, outside every transaction: 0050",
    "alerts/links.py": "signs and reads the links that acknowledge, for its reads and writes",
    "alerts/sender.py": "takes what is due to the channels, outside every transaction: 0030",
    "alerts/enclosures.py": "documents and JSON of a request, for sending and links: 0049, 0059",
    "webhooks/sender.py": "takes what is due to its receivers, outside every transaction: 0067",
}
"""Files of rooms beside the usual ones, each with its reason."""


CALLED_BY_DJANGO = {HUB / "platform/sessions.py", ROOM / "parties/shared_cache.py"}
"""The engines of its sessions and its cache, which write what Django gives them."""


def functions(path):
    tree = ast.parse(path.read_text("utf-8"))
    return [one for one in tree.body if isinstance(one, ast.FunctionDef)]


def public(path):
    return [one for one in functions(path) if not one.name.startswith("_")]


def exemption(function, name):
    """The reason that a decorator of hub/platform/exemptions.py gives, or None."""
    reasons = [
        call.args[0].value
        for call in function.decorator_list
        if isinstance(call, ast.Call) and ast.unparse(call.func) == name
    ]
    return reasons[0] if reasons else None


def models():
    """The models of all rooms, but for parties and people: those are readers."""
    trees = [ast.parse(path.read_text("utf-8")) for path in ROOM.glob("*/models.py")]
    names = {model.name for tree in trees for model in tree.body if isinstance(model, ast.ClassDef)}
    return names - {"Party", "Person"}


def takes_row(read, rows):
    """Whether a read is about a row that its caller found, which checked access."""
    first = next(iter(read.args.args), None)
    words = set(re.findall(r"\w+", ast.unparse(first.annotation))) if first else set()
    return bool(words) and words <= rows


def parameters(function):
    return {parameter.arg for parameter in function.args.args + function.args.kwonlyargs}


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


def test_rules_ask_django_nothing():
    """The import contract holds what rules import; here every file of the floor is listed."""
    impure = [
        f"{path.relative_to(HUB)} imports {name}"
        for _, path in floor_files("rules")
        for one in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(one, ast.Import | ast.ImportFrom)
        for name in [getattr(one, "module", None) or one.names[0].name]
        if name.startswith("django")
    ]
    assert impure == []


def records(name, bodies):
    """Whether a function, or a private helper it names, appends to the ledger."""
    body = bodies[name]
    private = [one for one in bodies if one.startswith("_") and one != name and f"{one}(" in body]
    is_told = any(f"ledger.{name}(" in body for name in ("append", "append_by", "append_many"))
    return is_told or any(records(one, bodies) for one in private)


def test_every_write_records_itself_or_says_why_not():
    silent, needless = [], []
    for room, path in floor_files("writes", ROOMS[1:]):
        writes = functions(path)
        bodies = {write.name: ast.unparse(write) for write in writes}
        assert bodies, path
        for write in writes:
            place = f"{room}/{path.name}: {write.name}"
            reason = exemption(write, "needs_no_entry")
            if write.name.startswith("_") or records(write.name, bodies):
                needless += [place] if reason else []
            elif not reason:
                silent.append(place)
    assert (silent, needless) == ([], [])


def test_every_write_locks_the_ledger_before_it_checks_or_says_why_not():
    """On PostgreSQL two transactions else check the same state, and both go ahead."""
    unlocked, needless = [], []
    for room in ROOMS[1:]:
        writes = [write for _, path in floor_files("writes", [room]) for write in functions(path)]
        bodies = {write.name: ast.unparse(write) for write in writes}
        for write in writes:
            if write.name.startswith("_") or "transaction.atomic" not in bodies[write.name]:
                continue
            reason = exemption(write, "needs_no_lock")
            if locks(write.name, bodies, below=frozenset()):
                needless += [f"{room}: {write.name}"] if reason else []
            elif not reason:
                unlocked.append(f"{room}: {write.name}")
    assert (unlocked, needless) == ([], [])


def locks(name, bodies, *, below):
    """Whether a write, or one of its room that it calls, takes the lock."""
    called = set(re.findall(r"\b(\w+)\(", bodies[name])) & set(bodies) - below - {name}
    return "lock_ledger(" in bodies[name] or any(
        locks(one, bodies, below=below | {name}) for one in called
    )


def test_every_read_filters_by_a_viewer_or_says_why_not():
    """A read about a row takes no viewer: who has the row has found it, which checks access."""
    open_to_all, needless, rows = [], [], models()
    for room, path in floor_files("reads"):
        reads = public(path)
        assert reads, path
        for read in reads:
            place = f"{room}/{path.name}: {read.name}"
            reason = exemption(read, "needs_no_viewer")
            if READERS & parameters(read) or takes_row(read, rows):
                needless += [place] if reason else []
            elif not reason:
                open_to_all.append(place)
    assert (open_to_all, needless) == ([], [])


def test_no_function_takes_a_reader_or_an_actor_that_it_does_not_use():
    """A viewer that is passed and not used looks like a check of access, and is none."""
    unused = [
        f"{path.relative_to(HUB)}: {function.name}({name})"
        for path in HUB.rglob("*.py")
        for text in [path.read_text("utf-8")]
        if READING.search(text)
        for function in statements(ast.parse(text))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for name in sorted(parameters(function) & READER_NAMES)
        if name not in used_names(function)
    ]
    assert unused == []


def used_names(function):
    return {
        node.id
        for statement in function.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name)
    }


def test_only_writes_write():
    stray = [
        f"{path.relative_to(HUB)}:{call.lineno} {call.func.attr}"
        for path in HUB.rglob("*.py")
        if not (path.name == "writes.py" or "writes" in path.parent.parts)
        and "migrations" not in path.parts
        and path not in CALLED_BY_DJANGO
        for text in [path.read_text("utf-8")]
        if WRITING.search(text)
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in WRITERS
        and ast.unparse(call.func) != "router.delete"  # the method of an endpoint
    ]
    assert stray == []
