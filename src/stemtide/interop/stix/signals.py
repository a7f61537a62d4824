# SPDX-License-Identifier: Apache-2.0
"""Convert signals to STIX indicators: a pattern that every strict reader accepts, and extras.

pdq     [file:hashes.PDQ = '…64 hex digits…']
md5     [file:hashes.MD5 = '…']
sha256  [file:hashes.'SHA-256' = '…']
url     [url:value = 'https://…'], or LIKE where it covers a folder or a host;
[x-stemtide-url:digest = '…'] where only the digest is known
others  [x-stemtide-video:digest = '…'], the SHA-256 of their value, which is beside the pattern
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stemtide.fingerprints.kinds import Kind
from stemtide.interop.stix.objects import (
    EXTENSION,
    MARKING_OF,
    SPEC_VERSION,
    Stix,
    indicator_id,
    stix_time,
    tag,
)
from stemtide.protocol.enums import SignalState
from stemtide.protocol.handling import Tlp
from stemtide.protocol.labels import labels
from stemtide.protocol.messages.signals import is_long
from stemtide.protocol.shared_words import words_of

TITLES = {
    Kind.PDQ: "picture (PDQ)",
    Kind.SHA256: "file (SHA-256)",
    Kind.MD5: "file (MD5)",
    Kind.URL: "web address",
    Kind.VIDEO: "film",
    Kind.AUDIO: "sound",
    Kind.TEXT: "text",
    Kind.GOP: "encode of a film",
    Kind.EXTERNAL: "signal type of another package",
}
"""Description of each kind, for names of indicators."""

_FIELDS = (
    *("value", "quality", "within_bits", "reach", "content", "labels", "ideology", "entity"),
    "language",
    *("severity", "provenance", "pap", "audience", "crisis", "exercise", "shared_by", "disputed"),
    *("withdraw_reason", "via", "hub"),
)


def pattern_of(kind: Kind, *, value: str, url: str | None, reach: str | None) -> str:
    """Return a signal's pattern. value: stored value in hex; url: the address if known."""
    if kind is Kind.PDQ:
        return f"[file:hashes.PDQ = '{value}']"
    if kind is Kind.MD5:
        return f"[file:hashes.MD5 = '{value}']"
    if kind is Kind.SHA256:
        return f"[file:hashes.'SHA-256' = '{value}']"
    if kind is Kind.URL and url:
        address = _quoted(f"https://{url}")
        return f"[url:value LIKE '{address}%']" if reach else f"[url:value = '{address}']"
    return f"[x-stemtide-{kind.value}:digest = '{value}']"


def indicator(
    row: Mapping[str, Any], *, created_by: str, created: datetime, modified: datetime
) -> Stix:
    """Return the indicator of a signal.

    row: its columns by wire name, with state, url, audience (a list), withdraw_reason, stored (the
    value in the database), via (the hubs that it came through) and hub (the sending hub).
    modified: time of its last change.
    """
    kind, state = Kind(row["kind"]), SignalState(row["state"])
    since = min(created, modified)
    title = labels()[row["labels"][0]].title if row["labels"] else "Signal"
    stix: Stix = {
        "type": "indicator",
        "spec_version": SPEC_VERSION,
        "id": indicator_id(row["id"]),
        "created_by_ref": created_by,
        "created": stix_time(since),
        "modified": stix_time(modified),
        "name": f"{title}: {TITLES[kind]}",
        "description": f"Shared by {row['shared_by']}. A match is a pointer, not a verdict.",
        "indicator_types": ["malicious-activity"],
        "pattern": pattern_of(
            kind, value=row["stored"], url=row["url"] or None, reach=row["reach"]
        ),
        "pattern_type": "stix",
        "pattern_version": SPEC_VERSION,
        "valid_from": stix_time(since),
        "confidence": row["confidence"],
        "labels": _tags(row),
        "object_marking_refs": [MARKING_OF[Tlp(row["tlp"])]],
        "extensions": {EXTENSION: _extension(row)},
    }
    if row["expires_at"] is not None and row["expires_at"] > since:
        stix["valid_until"] = stix_time(row["expires_at"])
    if state is not SignalState.LIVE:
        stix["revoked"] = True
    return stix


def _extension(row: Mapping[str, Any]) -> Stix:
    """Return the extension, without empty properties, as STIX requires."""
    values = {name: _json_value(row[name]) for name in _FIELDS}
    if is_long(Kind(row["kind"])) and row["value"] == row["stored"]:
        del values["value"]  # ended signals are sent with the digest only
    non_empty = {
        name: value for name, value in values.items() if value not in (None, "", [], False)
    }
    return {
        "extension_type": "property-extension",
        "kind": row["kind"],
        "state": SignalState(row["state"]).value,
        **non_empty,
    }


def _json_value(value: object) -> object:
    """Return a value in a JSON type."""
    return str(value) if isinstance(value, UUID) else value


def _tags(row: Mapping[str, Any]) -> list[str]:
    """Return machine tags for readers that do not know our extension."""
    tags = [tag("label", label) for label in row["labels"]]
    tags += [tag("severity", row["severity"]), tag("origin", row["provenance"])]
    tags.append(f"PAP:{row['pap'].upper()}")
    shared = words_of(row["labels"], provenance=row["provenance"])
    tags += [tag(name, word) for name, words in shared.items() for word in words]
    if row["crisis"]:
        tags.append(tag("crisis", row["crisis"]))
    if row["disputed"]:
        tags.append(tag("disputed", "yes"))
    if row["exercise"]:
        tags += [tag("exercise", "yes"), 'exercise:generic="comcheck"']
    return tags


def _quoted(text: str) -> str:
    """Return a text escaped for quotes in a pattern."""
    return text.replace("\\", "\\\\").replace("'", "\\'")
