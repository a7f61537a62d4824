# SPDX-License-Identifier: Apache-2.0
"""Settings of the agent, read once at start from agent.toml and the environment.

The environment (STEMTIDE_AGENT_*) goes over the file; a secret may lie in a file of its own, named
by KEY_FILE, TOKEN_FILE or WEBHOOK_SECRET_FILE. docs/run/agent.md lists all of them.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from stemtide.agent.config import values
from stemtide.agent.config.companion import HmaSettings
from stemtide.agent.config.tables import ConfigError, nearest, read_table
from stemtide.agent.config.transparency import Transparency
from stemtide.client.connection import is_loopback
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.protocol.enums import Action, PartyKind, Provenance, Reach, Severity, Standing
from stemtide.protocol.handling import Tlp
from stemtide.protocol.sync.signatures import PublicKey

__all__ = [
    "DEFAULT_RULES",
    "LOOPBACK_NAMES",
    "PREFIX",
    "WILDCARDS",
    "Config",
    "ConfigError",
    "OnDispute",
    "OnUnread",
    "Rule",
    "Transparency",
    "Unread",
    "Webhook",
    "load",
]

PREFIX = "STEMTIDE_AGENT_"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


class OnDispute(StrEnum):
    """Whether a rule applies to signals that a party disputes."""

    NO = "no"
    ALSO = "also"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the policy. It applies if every condition that is set holds.

    max_distance_bits: matters for PDQ only; exact kinds match at 0 bits.
    min_match_percent: how sure it must be that this is the signal's content.
    min_matched_s:     video and audio only: seconds of the content that must be the signal's.
    reach:             URLs only: whether the signal covers the address, its folder or its host.
    sharers, sharer_kinds, sharer_standing: who shared the signal.
    min_parties:       independent parties that stand behind the signal, its sharer included.
    confirmed_by_kinds: another independent party of one of these kinds stands behind it.
    """

    name: str
    action: Annotated[Action, f"say one of {', '.join(Action)}"]
    labels: frozenset[Annotated[str, values.label]] = frozenset()
    min_severity: Severity = Severity.LOW
    min_confidence: Annotated[int, values.number(0, 100)] = 0
    max_distance_bits: Annotated[int, values.number(0, 256)] | None = None
    min_match_percent: Annotated[int, values.number(0, 100)] = 0
    min_matched_s: Annotated[float, values.seconds(0, 86_400)] = 0.0
    kinds: frozenset[Kind] = frozenset()
    reach: frozenset[Reach] = frozenset()
    provenance: frozenset[Provenance] = frozenset()
    tlp: frozenset[Tlp] = frozenset()
    disputed: OnDispute = OnDispute.NO
    sharers: frozenset[str] = frozenset()
    sharer_kinds: frozenset[PartyKind] = frozenset()
    sharer_standing: frozenset[Standing] = frozenset()
    min_parties: Annotated[int, values.number(1, 100)] | None = None
    confirmed_by_kinds: frozenset[PartyKind] = frozenset()

    @property
    def names_parties(self) -> bool:
        """Whether the rule has a condition on who stands behind a signal."""
        who = self.sharers or self.sharer_kinds or self.sharer_standing or self.confirmed_by_kinds
        return bool(who) or self.min_parties is not None


class OnUnread(StrEnum):
    """Whether to hold or pass content that could not be read and that no match stops."""

    HOLD = "hold"
    PASS = "pass"  # noqa: S105  # no password


@dataclass(frozen=True, slots=True)
class Unread:
    """The policy for content that could not be read, by the word that its remark begins with.

    undecodable: damaged, encrypted, of an unsupported type, or its decoder failed.
    limit:       only part was read: it is too large, too long or too deep, or took too long.
    """

    undecodable: OnUnread = OnUnread.HOLD
    limit: OnUnread = OnUnread.HOLD


_CONTEXT = frozenset({Provenance.VICTIM, Provenance.MEDIA, Provenance.BYSTANDER})

DEFAULT_RULES = (
    Rule(name="context-needs-a-person", action=Action.HOLD, provenance=_CONTEXT),
    Rule(name="grave-and-sure", action=Action.BLOCK, min_severity=Severity.HIGH, min_confidence=80),
    Rule(name="a-person-looks", action=Action.HOLD, disputed=OnDispute.ALSO),
)
"""The policy of an agent whose agent.toml has none. docs/use/agent.md explains each rule."""


_BOTH = "a webhook needs a url and a secret"


@dataclass(frozen=True, slots=True)
class Webhook:
    """The provider's endpoint that receives actions.

    secret:  Standard Webhooks: "whsec_" and base64 of 24 bytes or more.
    old_secret: signs as well while the receiver still has only this one; "" for none.
    attempts: after so many the delivery is dead until someone asks for a retry.
    backoff_s: wait before the second attempt; it doubles, up to five minutes.
    """

    url: Annotated[str, values.webhook_address, _BOTH]
    secret: Annotated[str, values.signing_secret, _BOTH] = field(repr=False)
    old_secret: Annotated[str, values.signing_secret] = field(default="", repr=False)
    attempts: Annotated[int, values.number(1, 100)] = 12
    backoff_s: Annotated[float, values.seconds(0.01, 300)] = 1.0
    timeout_s: Annotated[float, values.seconds(0.1, 120)] = 10.0

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the secrets to sign with: the current one, and the old one if it is set."""
        return (self.secret, self.old_secret) if self.old_secret else (self.secret,)


@dataclass(frozen=True, slots=True)
class Config:
    """The agent's settings.

    hub_public_key: snapshots must be signed by one of these; if empty, they need no signature.
    snapshot_file: signals to start from if the store has none, or older ones.
    exercise:  receive exercise signals as well; they never lead to a real action.
    fetch_hosts: hosts that content may be fetched from for callers who send only its URL.
    hma_bank:  a bank of this name has all signals that lead to a hold or a block, for HMA clients.
    accept_missing_walls: walls of the sandbox that the agent may start without.
    workers:   decoding processes for each of the http_workers, which answer requests.
    live_streams: live streams that may be open at a time.
    live_idle_s:  a stream that received no chunk for so long has ended.
    keep_days: how long the agent remembers which content it acted on, so that it can undo.
    """

    name: Annotated[str, values.agent_name, 'give the agent a name, such as name = "uploads-1"']
    hub_url: Annotated[
        str, values.address, 'say where the hub is, such as hub_url = "https://hub.example"'
    ]
    data_dir: Annotated[
        Path, 'name a directory that this agent alone uses, such as data_dir = "var/agent"'
    ]
    key: Annotated[
        str,
        "put the key that `stemtide key new` printed into key, or into a file named by key_file",
    ] = field(repr=False)
    host: str = "127.0.0.1"
    port: Annotated[int, values.number(0, 65_535)] = 8471
    token: str = field(default="", repr=False)
    allowed_hosts: Annotated[tuple[str, ...], values.host_names] = ()
    insecure_hub: bool = False
    hub_public_key: Annotated[tuple[PublicKey, ...], values.public_keys] = ()
    snapshot_file: Path | None = None
    fetch_hosts: Annotated[tuple[str, ...], values.host_names] = ()
    hma_bank: Annotated[str, values.bank_name] = ""
    exercise: bool = False
    accept_missing_walls: Annotated[frozenset[Wall], values.walls] = frozenset()
    workers: Annotated[int, values.number(1, 64)] = 1
    http_workers: Annotated[int, values.number(1, 64)] = 1
    max_upload_bytes: Annotated[int, values.number(1024, 2_000_000_000)] = 64 * 1024 * 1024
    max_items: Annotated[int, values.number(1, 10_000)] = 1000
    max_hashes: Annotated[int, values.number(1, 200_000)] = 20_000
    live_streams: Annotated[int, values.number(0, 10_000)] = 200
    live_idle_s: Annotated[float, values.seconds(1, 86_400)] = 60.0
    heartbeat_s: Annotated[float, values.seconds(0.1, 3600)] = 5.0
    keep_days: Annotated[int, values.number(1, 3650)] = 30
    actions_file: Path | None = None
    webhook: Webhook | None = None
    transparency: Transparency | None = None
    companion: HmaSettings | None = None
    rules: tuple[Rule, ...] = DEFAULT_RULES
    unread: Unread = Unread()

    @property
    def actions_path(self) -> Path:
        """Return the path of the JSON-lines file of actions."""
        return self.actions_file or self.data_dir / "actions.jsonl"

    def check(self) -> None:
        """Reject settings that are valid one by one but unsafe together. raises: ConfigError."""
        if not is_loopback(self.host) and not self.token:
            raise ConfigError(
                "token",
                f"is missing, and host {self.host!r} lets other machines in; set token (or "
                'token_file) to a long random text, or host = "127.0.0.1"',
            )
        if self.snapshot_file and not self.hub_public_key:
            raise ConfigError(
                "hub_public_key",
                "is missing, and a snapshot_file proves nothing without it; set it to what "
                "`stemtide hub keys` says on the hub's machine",
            )
        hub = urlsplit(self.hub_url)
        is_plain = hub.scheme == "http" and not is_loopback(hub.hostname or "")
        if is_plain and not self.insecure_hub:
            raise ConfigError(
                "hub_url",
                "is plain http, so the key would travel readably; use https, or set "
                "insecure_hub = true if that network is yours alone",
            )


def load(path: Path | None = None, *, env: Mapping[str, str] | None = None) -> Config:
    """Read the settings, or raise an error that names the wrong setting and the remedy.

    path: the agent.toml; None: ./agent.toml if there is one, else the environment alone.
    env:  the process's own environment when None.

    raises: ConfigError.
    """
    env = os.environ if env is None else env
    raw, root = _read_file(path)
    _add_environment(raw, env)
    policy = _read_policy(raw.pop("policy", {}))
    also = ("policy", "key_file", "token_file")
    return read_table(Config, raw, name="", root=root, also=also, ready=policy)


def _read_file(path: Path | None) -> tuple[dict[str, Any], Path]:
    """Return the file's table and the directory that relative paths start from."""
    file = path or Path("agent.toml")
    if path is None and not file.exists():
        return {}, Path()
    try:
        return tomllib.loads(file.read_text("utf-8")), file.parent
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), f"cannot be read ({error}); check the path") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(file), f"is not TOML: {error}; correct that line") from error


_TABLES = {"webhook", "transparency", "companion", "rules", "unread"}
_PLAIN = {setting.name for setting in fields(Config)} - _TABLES | {"key_file", "token_file"}
"""Settings that the environment may set, besides those of the webhook and the companion."""


def _add_environment(raw: dict[str, Any], env: Mapping[str, str]) -> None:
    """Override settings of the file by environment variables."""
    for name, value in env.items():
        if not name.startswith(PREFIX):
            continue
        setting = name.removeprefix(PREFIX).lower()
        table, _, inner = setting.partition("_")
        if table in ("webhook", "companion"):
            raw.setdefault(table, {})[inner] = value
        elif setting in _PLAIN:
            raw[setting] = value
            _drop_twin(raw, setting)
        else:
            raise ConfigError(name, f"is no setting of the agent; {nearest(setting, _PLAIN)}")


def _drop_twin(raw: dict[str, Any], setting: str) -> None:
    """Let KEY in the environment override key_file in the file, and the other way round."""
    twin = setting.removesuffix("_file") if setting.endswith("_file") else f"{setting}_file"
    if twin in ("key", "token", "key_file", "token_file"):
        raw.pop(twin, None)


def _read_policy(table: object) -> dict[str, Any]:
    """Parse the [policy] table; defaults apply to everything it leaves out."""
    if not isinstance(table, dict):
        raise ConfigError("policy", "must be a table: write [[policy.rules]] above each rule")
    plain = {name: value for name, value in table.items() if name != "rules"}
    unread = read_table(Unread, plain, name="policy", root=Path(), also=("rules",))
    return {"rules": _read_rules(table.get("rules")), "unread": unread}


def _read_rules(rows: object) -> tuple[Rule, ...]:
    """Parse the [[policy.rules]] tables in order; the default rules if there are none."""
    if rows is None:
        return DEFAULT_RULES
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ConfigError("policy.rules", "must be tables: write [[policy.rules]] above each rule")
    rules = tuple(
        read_table(
            Rule, {"name": f"rule {number}", **row}, name=f"policy.rules[{number}]", root=Path()
        )
        for number, row in enumerate(rows, start=1)
    )
    names = [rule.name for rule in rules]
    for rule in rules:
        if names.count(rule.name) > 1:
            raise ConfigError("policy.rules", f"two rules are called {rule.name!r}; rename one")
    return rules
