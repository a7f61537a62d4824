# SPDX-License-Identifier: Apache-2.0
"""Choose which tests of the hub `make test` also runs on PostgreSQL, by what they ask of it.

PostgreSQL may refuse a statement that SQLite takes, or types of its values, or answer otherwise.
Most tests of a room send statements that other tests send, too. `python -m tests.hub.statements`
runs all of them on a server of its own, records what each sends, and writes into
repeated_statements.txt those whose statements others send, so that each statement still runs on
PostgreSQL. What commits stays, for locks differ, and so does EACH_CASE of conftest.py. A new test
runs on PostgreSQL until the list is made anew, and so does one that was renamed or that failed.
`make nightly` runs all of them there.
"""

import hashlib
import json
import os
import re
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
LIST = HERE / "repeated_statements.txt"
FILE = "STATEMENTS_FILE"
"""The environment variable that names the file in which a run records statements."""

MARKS = "not nightly and both_databases and not further_case and not browser and not flow"
REPEATED = re.compile(r"\(%s(?:, %s)*\)(?:, \(%s(?:, %s)*\))+|%s(?:, %s)+")
NUMBER = re.compile(r"\b\d+\b")


class Sent(NamedTuple):
    """What one case of a test sent to the database.

    test: its file in this folder and its name, without the case.
    stays: whether it runs on PostgreSQL whatever it sends.
    """

    test: str
    cpu_s: float
    stays: bool
    statements: frozenset[str]


def repeating() -> frozenset[str]:
    """Return the tests that the list names; none while their statements are recorded."""
    return frozenset() if FILE in os.environ else frozenset(LIST.read_text("utf-8").split())


def name_of(item: pytest.Item) -> str:
    """Return the file in this folder and the name of a test, without the case."""
    return f"{item.path.relative_to(HERE)}::{item.nodeid.partition('[')[0].split('::', 1)[1]}"


def chosen(runs: Iterable[Sent]) -> list[str]:
    """Return the tests that can be left out, the dearest first: each statement has another."""
    cpu_s: Counter[str] = Counter()
    statements: dict[str, set[str]] = {}
    stay = set()
    for sent in runs:
        cpu_s[sent.test] += sent.cpu_s
        statements.setdefault(sent.test, set()).update(sent.statements)
        if sent.stays or not sent.statements:  # none: another process sends them
            stay.add(sent.test)
    senders = Counter(shape for sent in statements.values() for shape in sent)
    left_out = []
    for test, _ in cpu_s.most_common():
        if test not in stay and all(senders[shape] > 1 for shape in statements[test]):
            senders.subtract(statements[test])
            left_out.append(test)
    return left_out


def shape_of(statement: str, values: object, error: str) -> str:
    """Return a hash of a statement, however many values it has, with their types and its error."""
    shape = NUMBER.sub("N", REPEATED.sub("…", statement))
    types: list[str] = []
    for value in values if isinstance(values, tuple | list) else ():
        if types[-1:] != [type(value).__name__]:
            types.append(type(value).__name__)
    return hashlib.sha256(repr((shape, types, error)).encode()).hexdigest()[:16]


_sent: set[str] = set()


def _record(execute, sql, params, many, context):
    """Record a statement of any connection, and execute it."""
    error = "RuntimeError"
    try:
        answer = execute(sql, params, many, context)
        error = ""
    except Exception as raised:
        error = type(raised).__name__
        raise
    finally:
        if "SAVEPOINT" not in str(sql):
            _sent.add(shape_of(str(sql), () if many else params, error))
    return answer


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Write down what a test sends, where the environment names a file for it."""
    from django.db import connections

    from tests.hub.conftest import EACH_CASE, commits

    began, failed = _cpu_s(), item.session.testsfailed
    _sent.clear()
    with connections["default"].execute_wrapper(_record):
        done = yield
    stays = commits(item) or not EACH_CASE.isdisjoint({item.path.name, item.originalname})
    stays = stays or item.session.testsfailed > failed  # it may not have sent all
    row = [name_of(item), _cpu_s() - began, stays, sorted(_sent)]
    with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return done


def _cpu_s() -> float:
    """Return the processor time that this process and its children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main() -> int:
    """Write the list anew; return the exit code of the tests."""
    from tests import postgres

    with TemporaryDirectory() as folder, postgres.server() as server:
        file = Path(folder) / "statements.jsonl"
        environment = os.environ | {FILE: str(file), "STEMTIDE_DATABASE_URL": server}
        words = ["-m", "pytest", "-q", "--numprocesses", str(os.cpu_count() or 1)]
        words += ["-p", "tests.hub.statements", "-m", MARKS, str(HERE)]
        code = subprocess.run([sys.executable, *words], env=environment, check=False).returncode
        if code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            rows = map(json.loads, file.read_text("utf-8").splitlines())
            runs = [Sent(test, cpu, stays, frozenset(sent)) for test, cpu, stays, sent in rows]
            LIST.write_text("\n".join(sorted(chosen(runs))) + "\n", "utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
