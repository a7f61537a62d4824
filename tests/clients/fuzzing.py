# SPDX-License-Identifier: Apache-2.0
"""Run schemathesis over every operation of a throw-away hub: python -m tests.clients.fuzzing.

Every check of schemathesis is on. What a schema cannot say is in EXCEPTED, by operation and reason.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.clients.conftest import BIN, plain_environment, throw_away_hub

ROOT = Path(__file__).parents[2]
KNOWN = "whether a party, a crisis, a signal or an address is known is no matter of a schema"
ROLE = "what may be sent depends on the kind of party that sends it"
TOGETHER = "which fields go together depends on what stands in them"
CLOCK = "a time or a year must lie before or after now"
EXCEPTED = {
    "add_signing_key": "what a key looks like is more than a pattern",
    "adopt_signals": TOGETHER,
    "answer_adoption": ROLE,
    "propose_move": TOGETHER,
    "unadopt_signals": TOGETHER,
    "add_allow_entries": "what a value looks like depends on its kind",
    "add_webhook": "an address must be https at a public host",
    "answer_referral": TOGETHER,
    "bring_exercise_news": "a file must be what its name says",
    "change_retention": "a change must change something",
    "change_webhook": "a change must change something",
    "check_rows": KNOWN,
    "cosign_head": "what a key looks like is more than a pattern",
    "download_dsa_report": "a year is over or runs, and a version exists",
    "draft_order": KNOWN,
    "evaluate_blinded": "what is an element of the group is more than a pattern",
    "enter_order": KNOWN,
    "finish_dsa_report": "a version is finished after its period",
    "finish_yearly_report": "a version is finished after its year, and a party makes its reports",
    "give_role": KNOWN,
    "give_task": KNOWN,
    "inform_provider": KNOWN,
    "invite_parties": TOGETHER,
    "keep_order_document": "what can be read as a PDF is more than a pattern",
    "list_propagation": "from must not lie after to, or long before it",
    "mirror_neighbour": CLOCK,
    "open_batch": KNOWN,
    "open_scrutiny": ROLE,
    "note_rights_request": "a right depends on the law, and a day must be over",
    "ask_scrutiny": ROLE,
    "place_hold": TOGETHER,
    "post_message": KNOWN,
    "prepare_exercise": KNOWN,
    "print_yearly_report": CLOCK,
    "read_buckets": "how many buckets there are depends on the epoch, which must be in use",
    "read_dsa_report": CLOCK,
    "read_order_progress": "from must not lie after to",
    "read_referral_progress": "from must not lie after to",
    "read_yearly_report": CLOCK,
    "refer": KNOWN,
    "revoke_signing_key": KNOWN,
    "report_lead": ROLE,
    "report_runaway": CLOCK,
    "report_outcomes": "first_at must not lie after last_at",
    "search": "spaces around the words do not count",
    "search_before_sending": "what is a web address is more than a pattern",
    "send_local_features": "what a value looks like is more than a pattern",
    "send_preview": TOGETHER,
    "share_signal": "what a value looks like depends on its kind",
    "share_signals": "what a value looks like depends on its kind",
    "triage_crisis": "how many levels there are depends on the framework of the crisis",
    "update_neighbour": CLOCK,
    "warn_of_crisis": KNOWN,
    "write_dsa_form": "a cell has a place in the template, and a value of its kind",
}
"""Operations that refuse some requests that fit the schema, and the rule that no schema can say."""

SETTINGS = """
[generation]
allow-x00 = false

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 410, 429]

[[operations]]
include-operation-id = "share_signals"
checks.negative_data_rejection.enabled = false
"""
"""No text of the API may hold NUL, which PostgreSQL cannot store. 413 is a refusal too. A version
that is no longer kept is 410. A dry run and a partial bulk report bad rows one by one, in an answer
of 200 or 201.
"""

_NOT_ALL_TAKEN = """
[[operations]]
include-operation-id = "{operation}"
checks.positive_data_acceptance.enabled = false
"""

QUICK = (
    *("share_signal", "share_signals", "export_signals", "read_feed", "report_outcomes"),
    *("warn_of_crisis", "draft_order", "refer", "place_hold", "add_webhook", "search"),
)
"""Operations of each sort: a body of each size, a file, pages, a filter."""

OPERATIONS = 140
"""About so many operations share the cases."""

_COUNT = re.compile(r"^\s*(\d+) generated", re.MULTILINE)


@dataclass(frozen=True)
class Fuzzed:
    """What came of a run. cases: how many requests were made up."""

    is_whole: bool
    cases: int
    said: str


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    document: the address of its OpenAPI document. settings: of schemathesis, in TOML.
    left_out: paths that are not asked.
    """

    document: str
    token: str
    settings: str
    left_out: tuple[str, ...] = ()


def fuzz(hub: dict[str, str], *, each: int, seed: int, only: Iterable[str] = ()) -> Fuzzed:
    """Make up so many requests for each operation of a hub and check every answer.

    only: names of operations; none: all of them but the stream, which never ends.
    """
    target = Target(
        f"{hub['HUB_URL']}/api/v1/openapi.json",
        hub["HUB_TOKEN"],
        with_exceptions(SETTINGS, EXCEPTED),
        # The second ends the key of the run.
        left_out=("/api/v1/events/stream", "/api/v1/keys/replace"),
    )
    return run(target, each=each, seed=seed, only=only)


def run(target: Target, *, each: int, seed: int, only: Iterable[str] = ()) -> Fuzzed:
    """Make up so many requests for each operation, or for some, and check every answer."""
    words = [
        *(str(BIN / "schemathesis"), "run", target.document),
        *("--header", f"Authorization: Bearer {target.token}", "--phases", "fuzzing"),
        *(word for path in target.left_out for word in ("--exclude-path", path)),
        *(word for name in only for word in ("--include-operation-id", name)),
        *("--max-examples", str(each), "--seed", str(seed)),
        *("--generation-database", "none", "--continue-on-failure", "--no-color"),
        *("--request-timeout", "60"),
    ]
    environment = plain_environment() | {
        "SCHEMATHESIS_HOOKS": "tests.clients.fuzzing_hooks",
        "PYTHONPATH": str(ROOT),
    }
    with tempfile.TemporaryDirectory() as folder:  # where it looks for settings, and leaves notes
        (Path(folder) / "schemathesis.toml").write_text(target.settings, "utf-8")
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    count = _COUNT.search(done.stdout)
    said = done.stdout + done.stderr
    return Fuzzed(done.returncode == 0, int(count[1]) if count else 0, said)


def with_exceptions(settings: str, excepted: Iterable[str]) -> str:
    """Return the settings file of a run, with the exceptions."""
    return settings + "".join(_NOT_ALL_TAKEN.format(operation=name) for name in excepted)


def main() -> int:
    """Run as many cases as asked for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--cases", type=int, default=2000)
    asked.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, throw_away_hub(Path(folder)) as hub:
        found = fuzz(hub, each=-(-given.cases // OPERATIONS), seed=given.seed)
    sys.stdout.write(found.said)
    return 0 if found.is_whole and found.cases >= given.cases else 1


if __name__ == "__main__":
    raise SystemExit(main())
