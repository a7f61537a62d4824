# SPDX-License-Identifier: Apache-2.0
"""A Transparency Database of our own on loopback, which enforces the documented rules.

Its rules are written from the Commission's documentation, apart from
stemtide.protocol.law.dsa.statements: what
both get right is right, and what one gets wrong shows. By hand:

    python -m tests.transparency_database --port 8077 --token secret
"""

import argparse
import json
import re
import threading
import time
from collections import deque
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote
from uuid import uuid4

TOKEN = "secret"
ANY_RESTRICTION = (
    *("decision_visibility", "decision_monetary", "decision_provision", "decision_account"),
)
REQUIRED = (
    *("decision_ground", "category", "content_type", "content_date", "application_date"),
    *("decision_facts", "source_type", "automated_detection", "automated_decision", "puid"),
)
LISTS = {
    "decision_visibility": "DECISION_VISIBILITY_CONTENT_REMOVED"
    " DECISION_VISIBILITY_CONTENT_DISABLED DECISION_VISIBILITY_CONTENT_DEMOTED"
    " DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED"
    " DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED DECISION_VISIBILITY_CONTENT_LABELLED"
    " DECISION_VISIBILITY_OTHER",
    "content_type": "CONTENT_TYPE_APP CONTENT_TYPE_AUDIO CONTENT_TYPE_IMAGE CONTENT_TYPE_PRODUCT"
    " CONTENT_TYPE_SYNTHETIC_MEDIA CONTENT_TYPE_TEXT CONTENT_TYPE_VIDEO CONTENT_TYPE_OTHER",
    "category_specification": "KEYWORD_TERRORIST_CONTENT KEYWORD_INCITEMENT_VIOLENCE_HATRED"
    " KEYWORD_HATE_SPEECH KEYWORD_ILLEGAL_ORGANIZATIONS KEYWORD_COORDINATED_HARM KEYWORD_OTHER",
    "territorial_scope": "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO"
    " PL PT RO SE SI SK",
}
WORDS = {
    "decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT DECISION_GROUND_INCOMPATIBLE_CONTENT",
    "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY STATEMENT_CATEGORY_VIOLENCE"
    " STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
    "source_type": "SOURCE_ARTICLE_16 SOURCE_TRUSTED_FLAGGER SOURCE_TYPE_OTHER_NOTIFICATION"
    " SOURCE_VOLUNTARY",
    "automated_detection": "Yes No",
    "automated_decision": "AUTOMATED_DECISION_FULLY AUTOMATED_DECISION_PARTIALLY"
    " AUTOMATED_DECISION_NOT_AUTOMATED",
    "decision_account": "DECISION_ACCOUNT_SUSPENDED DECISION_ACCOUNT_TERMINATED",
    "incompatible_content_illegal": "Yes No",
}
LONGEST = {
    "decision_visibility_other": 500,
    "content_type_other": 500,
    "category_specification_other": 500,
    "decision_ground_reference_url": 500,
    "illegal_content_legal_ground": 500,
    "illegal_content_explanation": 2000,
    "incompatible_content_ground": 500,
    "incompatible_content_explanation": 2000,
    "decision_facts": 5000,
    "source_identity": 500,
    "puid": 500,
}
DAYS = {
    "content_date": date(2000, 1, 1),
    "application_date": date(2020, 1, 1),
    "end_date_visibility_restriction": date.min,
}
OTHERS = {
    "decision_visibility_other": ("decision_visibility", "DECISION_VISIBILITY_OTHER"),
    "content_type_other": ("content_type", "CONTENT_TYPE_OTHER"),
}
GROUNDS = {
    "DECISION_GROUND_ILLEGAL_CONTENT": (
        "illegal_content_legal_ground",
        "illegal_content_explanation",
    ),
    "DECISION_GROUND_INCOMPATIBLE_CONTENT": (
        "incompatible_content_ground",
        "incompatible_content_explanation",
    ),
}
KNOWN = {*ANY_RESTRICTION, *REQUIRED, *LISTS, *WORDS, *LONGEST, *DAYS, *OTHERS, "content_language"}


def is_there(row, name):
    return row.get(name) not in (None, "", [])


def is_day(said, first):
    if not isinstance(said, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", said):
        return False
    try:
        return first <= date.fromisoformat(said) <= date(2038, 1, 1)
    except ValueError:
        return False


def missing(row):
    """Fields that a statement needs and does not have."""
    needed = [*REQUIRED, *GROUNDS.get(row.get("decision_ground"), ())]
    needed += [one for one, (beside, word) in OTHERS.items() if word in (row.get(beside) or [])]
    found = [name for name in needed if not is_there(row, name)]
    if not any(is_there(row, name) for name in ANY_RESTRICTION):
        found.append("decision_visibility")
    return found


def strange(row):
    """Fields that hold what they may not, each with what is wrong."""
    for name in (one for one in row if is_there(row, one)):
        said = row[name]
        if name in LISTS and not isinstance(said, list):
            yield name, "must be an array."
        elif (name in LISTS and not set(said) <= set(LISTS[name].split())) or (
            name in WORDS and said not in WORDS[name].split()
        ):
            yield name, "is invalid."
        if name in LONGEST and (not isinstance(said, str) or len(said) > LONGEST[name]):
            yield name, f"may not be greater than {LONGEST[name]} characters."
        if name in DAYS and not is_day(said, DAYS[name]):
            yield name, "does not match the format YYYY-MM-DD."
        if name not in KNOWN:
            yield name, "is not one of this test's fields."
    if is_there(row, "puid") and not re.fullmatch(r"[a-zA-Z0-9_-]+", str(row["puid"])):
        yield "puid", "format is invalid."


def wrong(row):
    """What is wrong with a statement: sentences by field."""
    found = {}
    for name, words in [*((one, "field is required.") for one in missing(row)), *strange(row)]:
        found.setdefault(name, []).append(f"The {name.replace('_', ' ')} {words}")
    return found


class Fault:
    """What goes wrong with the next calls that post.

    status: answered in the call's place; 0: the line is cut. after: only once it was taken.
    """

    def __init__(self, status, *, after=False, headers=None, body=b"{}"):
        self.status, self.after, self.headers, self.body = status, after, headers or {}, body


class TransparencyDatabase:
    """What was posted, by number; every call; and faults to come, the first first."""

    def __init__(self, *, token=TOKEN, port=0):
        self.token, self.held, self.calls, self.faults = token, {}, [], deque()
        self.denied = 0  # how often the token was not the right one
        self.is_blind = False  # finds no number that it has, as while its index lags
        self.turn = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.world = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def posts(self):
        """The sizes of the bodies that were posted, faults among them."""
        return [count for what, count in self.calls if what == "post"]

    @property
    def asked(self):
        """The numbers that were asked for."""
        return [puid for what, puid in self.calls if what == "ask"]

    def post(self, rows):
        """Take all of a call's statements, or none: the status and the body."""
        if not isinstance(rows, list) or not 1 <= len(rows) <= 100:
            told = {"statements": ["The statements must have between 1 and 100 items."]}
            return 422, {"message": "Invalid.", "errors": told}
        errors = {
            f"statement_{place}": said for place, row in enumerate(rows) if (said := wrong(row))
        }
        if errors:
            return 422, {"errors": errors}
        puids = [row["puid"] for row in rows]
        twice = sorted({one for one in puids if puids.count(one) > 1 or one in self.held})
        if twice:
            message = "The platform identifier(s) are not all unique within this call."
            told = {"puid": [message], "existing_puids": twice}
            return 422, {"message": message, "errors": told}
        out = []
        for row in rows:
            at = datetime.now(UTC).isoformat()
            uuid = str(uuid4())
            more = {"uuid": uuid, "created_at": at, "platform_name": "Big Provider"}
            links = {"permalink": f"{self.url}/statement/{uuid}", "self": f"{self.url}/x/{uuid}"}
            self.held[row["puid"]] = row | more
            out.append(row | more | links | {"id": len(self.held)})
        return 201, {"statements": out}


class Handler(BaseHTTPRequestHandler):
    """One connection to the database."""

    protocol_version = "HTTP/1.1"

    @property
    def world(self):
        return self.server.world

    def do_GET(self):
        if not self.may():
            return
        puid = unquote(self.path.rpartition("/")[2])
        with self.world.turn:
            self.world.calls.append(("ask", puid))
            found = None if self.world.is_blind else self.world.held.get(puid)
        if found is None or not self.path.startswith("/api/v1/statement/existing-puid/"):
            self.say(404, {"message": "statement of reason not found"})
        else:
            self.say(302, found)

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.may():
            return
        body = json.loads(sent)
        with self.world.turn:
            if self.path == "/api/v1/statements":
                self.take(body["statements"])
            elif self.path == "/api/v1/statement":
                self.take([body], is_one=True)
            else:
                self.say(404, {"message": "Not found."})

    def take(self, rows, *, is_one=False):
        world = self.world
        world.calls.append(("post", len(rows)))
        fault = world.faults.popleft() if world.faults else None
        if fault is None or fault.after:
            status, told = world.post(rows)
        if fault is None:
            self.say(status, told["statements"][0] if is_one and status == 201 else told)
        elif fault.status:
            self.send(fault.status, fault.body, fault.headers)
        else:
            self.close_connection = True

    def may(self):
        """Whether the token is the right one; 401 is said where it is not."""
        is_right = self.headers.get("Authorization") == f"Bearer {self.world.token}"
        if not is_right:
            self.world.denied += 1
            self.say(401, {"message": "Unauthenticated."})
        return is_right

    def say(self, status, told):
        self.send(status, json.dumps(told).encode(), {})

    def send(self, status, body, headers):
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8077)
    parser.add_argument("--token", default=TOKEN)
    asked = parser.parse_args()
    database = TransparencyDatabase(token=asked.token, port=asked.port).start()
    print(f"{database.url}, Authorization: Bearer {asked.token}; Ctrl-C ends it.")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        database.stop()


if __name__ == "__main__":
    main()
