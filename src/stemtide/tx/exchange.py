# SPDX-License-Identifier: Apache-2.0
"""A hub as an exchange of tx: everything in the feed, deletions too, and opinions back.

1 A fetch follows the feed from where the last one ended. What is withdrawn is deleted.
2 A canary of every kind is put in at the beginning: tx loses a lone PDQ hash, and keeps on matching
  against the last index of a kind of which nothing is left.
3 `tx label` says that your party agrees; of a value that the hub does not have, it shares it.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import httpx
from threatexchange.exchanges import auth, fetch_state as state
from threatexchange.exchanges.collab_config import CollaborationConfigWithDefaults
from threatexchange.exchanges.signal_exchange_api import SignalExchangeAPI
from threatexchange.signal_type.signal_base import SignalType

from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.protocol import canary
from stemtide.protocol.feed import MAX_PAGE, FeedPage, FeedSignal
from stemtide.protocol.handling import PAP_ALLOWS
from stemtide.protocol.labels import labels
from stemtide.protocol.stopncii import Feedback
from stemtide.protocol.words import Action
from stemtide.tx.kinds import FILLER, KIND_OF, NAMES_OF
from stemtide.tx.patience import PatientClient

_WITHIN_S = 60.0
_SAYS = {
    state.SignalOpinionCategory.POSITIVE_CLASS: Feedback.BLOCKED,
    state.SignalOpinionCategory.NEGATIVE_CLASS: Feedback.NOT_BLOCKED,
    state.SignalOpinionCategory.INVESTIGATION_SEED: Feedback.PENDING_REVIEW,
}


class HubError(Exception):
    """The hub did not do it. The message says what to do."""


@dataclass
class _Required:
    hub_url: str = field(metadata={"help": "the hub's address, such as https://hub.example"})


@dataclass
class HubConfig(CollaborationConfigWithDefaults, _Required):
    """Which hub, as `tx config collab edit stemtide` is told."""


@dataclass
class HubKey(auth.CredentialHelper):
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
    """How far a fetch came, on which hub, and when."""

    hub: str
    position: int
    at: int

    def get_progress_timestamp(self) -> int:
        """When it was, for tx to show."""
        return self.at


@dataclass
class Record:
    """A signal as it is kept: its value, and what its sharer and others say."""

    kind: str
    value: str
    source: str
    category: state.SignalOpinionCategory
    tags: list[str]
    disputed: bool = False
    disputed_by_you: bool = False


@dataclass
class Said(state.FetchedSignalMetadata):
    """What is said of one value, by all who share it."""

    records: list[Record] = field(default_factory=list)

    def get_as_opinions(self) -> Sequence[state.SignalOpinion]:
        """One for each sharer, and one for each dispute."""
        said = [
            state.SignalOpinion(False, one.category, set(one.tags)) for one in self.records
        ]  # its own order
        no = state.SignalOpinionCategory.NEGATIVE_CLASS
        return [
            *said,
            *(
                state.SignalOpinion(one.disputed_by_you, no, set())
                for one in self.records
                if one.disputed
            ),
        ]

    def __str__(self) -> str:
        category = self.get_as_aggregate_opinion().category.name
        sources = sorted({one.source for one in self.records})
        tags = dict.fromkeys(tag for one in self.records for tag in one.tags)
        return " ".join([category, ",".join(sources), *tags])


class StemtideExchangeAPI(
    auth.SignalExchangeWithAuth[HubConfig, HubKey],
    SignalExchangeAPI[HubConfig, Checkpoint, Said, str, Record],
):
    """A hub, for one party's key."""

    def __init__(self, collab: HubConfig, credentials: HubKey) -> None:
        super().__init__()
        self._hub = collab.hub_url.rstrip("/")
        self._key = credentials.key

    @classmethod
    def get_name(cls) -> str:
        """The exchange's name in tx."""
        return "stemtide"

    @staticmethod
    def get_config_cls() -> type[HubConfig]:
        """What tx must be told."""
        return HubConfig

    @staticmethod
    def get_checkpoint_cls() -> type[Checkpoint]:
        """What is kept of a fetch."""
        return Checkpoint

    @staticmethod
    def get_record_cls() -> type[Said]:
        """What is said of a value."""
        return Said

    @staticmethod
    def get_credential_cls() -> type[HubKey]:
        """Where the key comes from."""
        return HubKey

    @classmethod
    def for_collab(cls, collab: HubConfig, credentials: HubKey | None = None) -> Self:
        """A hub, with the key that is given or found."""
        return cls(collab, credentials or HubKey.get(cls))

    def fetch_iter(
        self,
        supported_signal_types: Sequence[type[SignalType]],  # noqa: ARG002  # all of them are kept
        checkpoint: Checkpoint | None,
    ) -> Iterator[state.FetchDelta[str, Record, Checkpoint]]:
        """Follow the feed to its end. raises: HubError."""
        after = checkpoint.position if checkpoint else 0
        updates: dict[str, Record | None] = {} if checkpoint else dict(_canaries())
        with self._client() as client:
            while True:
                page = _page(client, after)
                if checkpoint and str(page.hub) != checkpoint.hub:
                    raise HubError(f"{self._hub} is another hub than before: run tx fetch --clear")
                updates |= {str(one.id): _record(one) for one in page.entries}
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
        fetched: Mapping[str, Record],
    ) -> dict[type[SignalType], dict[str, Said]]:
        """What is said of each value, by signal type."""
        by_name = {one.get_name(): one for one in signal_types}
        found: dict[type[SignalType], dict[str, Said]] = {}
        for record in fetched.values():
            for name in NAMES_OF[Kind(record.kind)]:
                if name in by_name:
                    values = found.setdefault(by_name[name], {})
                    values.setdefault(record.value, Said()).records.append(record)
        return found

    def report_opinion(
        self, s_type: type[SignalType], signal: str, opinion: state.SignalOpinion
    ) -> None:
        """Tell the hub what your party thinks of a value, or share it. raises: HubError."""
        kind = KIND_OF.get(s_type.get_name())
        if kind is None:
            known = ", ".join(KIND_OF)
            raise HubError(f"the hub takes no {s_type.get_name()}: label one of {known}")
        value, says = signal.strip().lower(), _SAYS[opinion.category]
        body = {"feedbackValue": says, "hashValue": _named(kind, value), "tags": [*opinion.tags]}
        with self._client() as client:
            keys = {"x-functions-key": self._key, "Ocp-Apim-Subscription-Key": self._key}
            answer = client.post(
                "/stopncii/v1/SubmitFeedback", json={"hashFeedbacks": [body]}, headers=keys
            )
            if answer.status_code == httpx.codes.NOT_FOUND and says is Feedback.BLOCKED:
                answer = client.post(
                    "/api/v1/signals", json=_signal(kind, value, sorted(opinion.tags))
                )
            _checked(answer)

    def _client(self) -> httpx.Client:
        """A line to the hub, which waits where the hub asks it to."""
        headers = {"Authorization": f"Bearer {self._key}"}
        return PatientClient(base_url=self._hub, headers=headers, timeout=_WITHIN_S)


def _page(client: httpx.Client, after: int) -> FeedPage:
    """One page of the feed. raises: HubError."""
    answer = client.get("/api/v1/feed", params={"after": after, "limit": MAX_PAGE})
    if answer.status_code == httpx.codes.CONFLICT:
        raise HubError("the hub was set back to an earlier state: run tx fetch --clear")
    return FeedPage.model_validate_json(_checked(answer).content)


def _checked(answer: httpx.Response) -> httpx.Response:
    """A good answer. raises: HubError with the hub's own words."""
    if answer.is_success:
        return answer
    try:
        said: Any = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        said = answer.text[:200]
    raise HubError(f"the hub answers {answer.status_code}: {said}")


def _record(entry: Any) -> Record | None:  # noqa: ANN401  # a signal, or what ended
    """A signal of the feed as it is kept; None for one that no longer matches."""
    if not isinstance(entry, FeedSignal):
        return None
    may_block = PAP_ALLOWS[entry.pap] is Action.BLOCK
    yes, maybe = (
        state.SignalOpinionCategory.POSITIVE_CLASS,
        state.SignalOpinionCategory.INVESTIGATION_SEED,
    )
    return Record(
        kind=entry.kind.value,
        value=entry.value,
        source=entry.shared_by,
        category=yes if may_block else maybe,
        tags=[*entry.labels, f"severity:{entry.severity}", f"tlp:{entry.tlp}", f"pap:{entry.pap}"],
        disputed=entry.disputed,
        disputed_by_you=entry.disputed_by_you,
    )


def _canaries() -> Iterator[tuple[str, Record]]:
    """One of every kind, of PDQ two, by keys that are no signal's."""
    md5 = hashlib.md5(canary.SOURCE.encode(), usedforsecurity=False).hexdigest()
    sha256 = hashlib.sha256(canary.SOURCE.encode()).hexdigest()
    known = {Kind.PDQ: canary.HASHES, Kind.MD5: (md5,), Kind.SHA256: (sha256,)}
    maybe = state.SignalOpinionCategory.INVESTIGATION_SEED
    for kind in Kind:
        for value in known.get(kind, (FILLER,)):
            yield (
                f"canary-{kind}-{value}",
                Record(kind.value, value, canary.SOURCE, maybe, ["canary"]),
            )


def _named(kind: Kind, value: str) -> str:
    """How the hub finds a value: as it is, or by its digest where it is as long as its content."""
    return value if kind in SIZE_BYTES else hashlib.sha256(bytes.fromhex(value)).hexdigest()


def _signal(kind: Kind, value: str, tags: Sequence[str]) -> dict[str, Any]:
    """A value as it is shared: its labels are tags. raises: HubError where none is a label."""
    named = [tag for tag in tags if tag in labels()]
    if not named:
        known = ", ".join(one.name for one in labels().values() if not one.refuse_to)
        raise HubError(
            f"the hub does not have this {kind}: to share it, say what it is with -l and one of"
            f" {known}; and severity:high, tlp:green or others with it"
        )
    facts = dict(tag.split(":", 1) for tag in tags if ":" in tag)
    return {"kind": kind, "value": value, "labels": named, "severity": "medium", **facts}
