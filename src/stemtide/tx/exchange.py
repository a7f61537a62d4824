# SPDX-License-Identifier: Apache-2.0
"""A hub as an exchange of tx: follows the feed, deletes withdrawn signals, sends opinions.

1 A fetch follows the feed from where the last one ended. Withdrawn signals are deleted.
2 A canary of every kind is added at the beginning: tx loses a lone PDQ hash, and keeps matching
  against the last index of a kind once all its signals are gone.
3 `tx label` sends your party's opinion; a value that the hub does not have is shared.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from threatexchange.exchanges import auth, fetch_state as state
from threatexchange.exchanges.collab_config import CollaborationConfigWithDefaults
from threatexchange.exchanges.signal_exchange_api import SignalExchangeAPI
from threatexchange.signal_type.signal_base import SignalType

from stemtide.client import File, Hub, HubError, Limits
from stemtide.client.call import Call
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.interop.stopncii import canary
from stemtide.interop.stopncii.records import Feedback
from stemtide.protocol.enums import Action
from stemtide.protocol.handling import PAP_ALLOWS
from stemtide.protocol.labels import labels
from stemtide.protocol.sync.feed import MAX_PAGE, FeedPage, FeedSignal
from stemtide.tx.kinds import FILLER, KIND_OF, NAMES_OF

_LIMITS = Limits(read_s=60.0, patience_s=120.0)
_CONFLICT, _NOT_FOUND = 409, 404
_FEEDBACK_OF = {
    state.SignalOpinionCategory.POSITIVE_CLASS: Feedback.BLOCKED,
    state.SignalOpinionCategory.NEGATIVE_CLASS: Feedback.NOT_BLOCKED,
    state.SignalOpinionCategory.INVESTIGATION_SEED: Feedback.PENDING_REVIEW,
}


class ExchangeError(Exception):
    """This hub does not support it in its current state. The message says what to do."""


@dataclass
class _Required:
    hub_url: str = field(metadata={"help": "the hub's address, such as https://hub.example"})


@dataclass
class HubConfig(CollaborationConfigWithDefaults, _Required):
    """Configuration of a hub, as given to `tx config collab edit stemtide`."""


@dataclass
class HubApiKey(auth.CredentialHelper):
    """A party's API key: feed:read to fetch, feedback:write and signals:write to label."""

    ENV_VARIABLE: ClassVar[str] = "TX_STEMTIDE_KEY"
    FILE_NAME: ClassVar[str] = "~/.tx_stemtide_key"

    key: str

    @classmethod
    def _from_str(cls, s: str) -> Self:
        return cls(s.strip())

    def _are_valid(self) -> bool:
        return self.key.startswith("st_")


@dataclass
class Checkpoint(state.FetchCheckpointBase):
    """Position of a fetch, the hub that it was from, and its time."""

    hub: str
    position: int
    at: int

    def get_progress_timestamp(self) -> int:
        """Return the time of the fetch, for tx to show."""
        return self.at


@dataclass
class SignalRecord:
    """A signal as stored by tx: its value, and the opinions of its sharer and others."""

    kind: str
    value: str
    source: str
    category: state.SignalOpinionCategory
    tags: list[str]
    disputed: bool = False
    disputed_by_you: bool = False


@dataclass
class Said(state.FetchedSignalMetadata):
    """Opinions about one value, from all parties that share it."""

    records: list[SignalRecord] = field(default_factory=list)

    def get_as_opinions(self) -> Sequence[state.SignalOpinion]:
        """Return an opinion for each sharer, and one for each dispute."""
        opinions = [
            state.SignalOpinion(False, record.category, set(record.tags)) for record in self.records
        ]  # its own order
        negative = state.SignalOpinionCategory.NEGATIVE_CLASS
        return [
            *opinions,
            *(
                state.SignalOpinion(record.disputed_by_you, negative, set())
                for record in self.records
                if record.disputed
            ),
        ]

    def __str__(self) -> str:
        category = self.get_as_aggregate_opinion().category.name
        sources = sorted({record.source for record in self.records})
        tags = dict.fromkeys(tag for record in self.records for tag in record.tags)
        return " ".join([category, ",".join(sources), *tags])


class StemtideExchangeAPI(
    auth.SignalExchangeWithAuth[HubConfig, HubApiKey],
    SignalExchangeAPI[HubConfig, Checkpoint, Said, str, SignalRecord],
):
    """A hub, accessed with one party's key."""

    def __init__(self, collab: HubConfig, credentials: HubApiKey) -> None:
        super().__init__()
        self._hub = collab.hub_url.rstrip("/")
        self._key = credentials.key

    @classmethod
    def get_name(cls) -> str:
        """Return the exchange's name in tx."""
        return "stemtide"

    @staticmethod
    def get_config_cls() -> type[HubConfig]:
        """Return the class of the configuration."""
        return HubConfig

    @staticmethod
    def get_checkpoint_cls() -> type[Checkpoint]:
        """Return the class of a fetch's checkpoint."""
        return Checkpoint

    @staticmethod
    def get_record_cls() -> type[Said]:
        """Return the class of a value's metadata."""
        return Said

    @staticmethod
    def get_credential_cls() -> type[HubApiKey]:
        """Return the class of the key."""
        return HubApiKey

    @classmethod
    def for_collab(cls, collab: HubConfig, credentials: HubApiKey | None = None) -> Self:
        """Return a hub with the given key, or else the configured one."""
        return cls(collab, credentials or HubApiKey.get(cls))

    def fetch_iter(
        self,
        supported_signal_types: Sequence[type[SignalType]],  # noqa: ARG002  # all of them are kept
        checkpoint: Checkpoint | None,
    ) -> Iterator[state.FetchDelta[str, SignalRecord, Checkpoint]]:
        """Follow the feed to its end. raises: HubError, ExchangeError."""
        after = checkpoint.position if checkpoint else 0
        updates: dict[str, SignalRecord | None] = {} if checkpoint else dict(_canaries())
        with self._client() as hub:
            while True:
                page = _page(hub, after)
                if checkpoint and str(page.hub) != checkpoint.hub:
                    raise ExchangeError(
                        f"{self._hub} is another hub than before: run tx fetch --clear"
                    )
                updates |= {str(entry.id): _record(entry) for entry in page.entries}
                after = page.next
                yield state.FetchDelta(updates, Checkpoint(str(page.hub), after, int(time.time())))
                updates = {}
                if not page.more:
                    return

    @classmethod
    def naive_convert_to_signal_type(
        cls,
        signal_types: Sequence[type[SignalType]],
        collab: HubConfig,  # noqa: ARG003  # every hub's records are alike
        fetched: Mapping[str, SignalRecord],
    ) -> dict[type[SignalType], dict[str, Said]]:
        """Group the records by signal type and value."""
        by_name = {signal_type.get_name(): signal_type for signal_type in signal_types}
        by_type: dict[type[SignalType], dict[str, Said]] = {}
        for record in fetched.values():
            for name in NAMES_OF[Kind(record.kind)]:
                if name in by_name:
                    values = by_type.setdefault(by_name[name], {})
                    values.setdefault(record.value, Said()).records.append(record)
        return by_type

    def report_opinion(
        self, s_type: type[SignalType], signal: str, opinion: state.SignalOpinion
    ) -> None:
        """Send the hub your party's opinion of a value, or share the value.

        raises: HubError, ExchangeError.
        """
        kind = KIND_OF.get(s_type.get_name())
        if kind is None:
            choices = ", ".join(KIND_OF)
            raise ExchangeError(f"the hub takes no {s_type.get_name()}: label one of {choices}")
        value, says = signal.strip().lower(), _FEEDBACK_OF[opinion.category]
        body = {
            "feedbackValue": says,
            "hashValue": _hub_value(kind, value),
            "tags": [*opinion.tags],
        }
        keys = {"x-functions-key": self._key, "Ocp-Apim-Subscription-Key": self._key}
        with self._client() as hub:
            try:
                hub.ask(_post("/stopncii/v1/SubmitFeedback", {"hashFeedbacks": [body]}, keys))
            except HubError as error:
                if error.status != _NOT_FOUND or says is not Feedback.BLOCKED:
                    raise
                hub.ask(_post("/api/v1/signals", _signal(kind, value, sorted(opinion.tags)), {}))

    def _client(self) -> Hub:
        """Return a client of the hub at the configured address."""
        return Hub(self._hub, key=self._key, insecure=True, limits=_LIMITS)


def _page(hub: Hub, after: int) -> FeedPage:
    """Return a page of the feed. raises: HubError, ExchangeError."""
    try:
        return hub.read_feed(after=after, limit=MAX_PAGE)
    except HubError as error:
        if error.status != _CONFLICT:
            raise
        raise ExchangeError(
            "the hub was set back to an earlier state: run tx fetch --clear"
        ) from error


def _post(path: str, body: dict[str, Any], headers: dict[str, str]) -> Call[File]:
    """Return a request for a message that only the hub validates; its response is ignored."""
    return Call((File,), "POST", path, headers=headers, body=json.dumps(body).encode())


def _record(entry: Any) -> SignalRecord | None:  # noqa: ANN401  # a signal, or what ended
    """Convert a feed entry to a record; None for a signal that no longer matches."""
    if not isinstance(entry, FeedSignal):
        return None
    may_block = PAP_ALLOWS[entry.pap] is Action.BLOCK
    yes, maybe = (
        state.SignalOpinionCategory.POSITIVE_CLASS,
        state.SignalOpinionCategory.INVESTIGATION_SEED,
    )
    return SignalRecord(
        kind=entry.kind.value,
        value=entry.value,
        source=entry.shared_by,
        category=yes if may_block else maybe,
        tags=[*entry.labels, f"severity:{entry.severity}", f"tlp:{entry.tlp}", f"pap:{entry.pap}"],
        disputed=entry.disputed,
        disputed_by_you=entry.disputed_by_you,
    )


def _canaries() -> Iterator[tuple[str, SignalRecord]]:
    """Yield a canary of every kind, two for PDQ, under keys that no signal has."""
    md5 = hashlib.md5(canary.SOURCE.encode(), usedforsecurity=False).hexdigest()
    sha256 = hashlib.sha256(canary.SOURCE.encode()).hexdigest()
    values = {Kind.PDQ: canary.HASHES, Kind.MD5: (md5,), Kind.SHA256: (sha256,)}
    maybe = state.SignalOpinionCategory.INVESTIGATION_SEED
    for kind in Kind:
        for value in values.get(kind, (FILLER,)):
            yield (
                f"canary-{kind}-{value}",
                SignalRecord(kind.value, value, canary.SOURCE, maybe, ["canary"]),
            )


def _hub_value(kind: Kind, value: str) -> str:
    """Return the hub's name for a value: itself, or its digest for kinds as long as content."""
    return value if kind in SIZE_BYTES else hashlib.sha256(bytes.fromhex(value)).hexdigest()


def _signal(kind: Kind, value: str, tags: Sequence[str]) -> dict[str, Any]:
    """Return the body that shares a value; tags become labels. raises: ExchangeError."""
    label_names = [tag for tag in tags if tag in labels()]
    if not label_names:
        choices = ", ".join(label.name for label in labels().values() if not label.refuse_to)
        raise ExchangeError(
            f"the hub does not have this {kind}: to share it, say what it is with -l and one of"
            f" {choices}; and severity:high, tlp:green or others with it"
        )
    metadata = dict(tag.split(":", 1) for tag in tags if ":" in tag)
    return {"kind": kind, "value": value, "labels": label_names, "severity": "medium", **metadata}
