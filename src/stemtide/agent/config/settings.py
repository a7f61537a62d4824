# SPDX-License-Identifier: Apache-2.0
"""Settings of the agent, read once at start from agent.toml and the environment.

The environment (STEMTIDE_AGENT_*) goes over the file; a secret may lie in a file of its own, named
by KEY_FILE, TOKEN_FILE or WEBHOOK_SECRET_FILE. docs/run/agent.md lists all of them.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from stemtide.agent.config import values
from stemtide.agent.config.companion import HmaSettings
from stemtide.agent.config.journal import JournalSettings
from stemtide.agent.config.policy import (
    DEFAULT_RULES,
    OnDispute,
    OnUnread,
    Policies,
    Policy,
    Rule,
    Shadow,
    Unread,
    read_policies,
)
from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.config.tables import ConfigError, nearest, read_table
from stemtide.agent.config.transparency import Transparency
from stemtide.client.connection import is_loopback
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.logs import LogFormat
from stemtide.protocol.sync.signatures import PublicKey
from stemtide.protocol.tlog.cosignatures import WitnessKey

__all__ = [
    "DEFAULT_RULES",
    "LOOPBACK_NAMES",
    "PREFIX",
    "WILDCARDS",
    "Config",
    "ConfigError",
    "OnDispute",
    "OnUnread",
    "Policies",
    "Policy",
    "Rule",
    "Shadow",
    "Transparency",
    "Unread",
    "WebhookSettings",
    "load",
]

PREFIX = "STEMTIDE_AGENT_"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


_BOTH = "a webhook needs a url and a secret"


@dataclass(frozen=True, slots=True)
class WebhookSettings:
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

    client_certificate: PEM file with a certificate and its private key, for a key that needs it.
    key_path:  the file that the key was read from; None if it was not in a file.
    hub_public_key: snapshots must be signed by one of these; if empty, they need no signature.
    segments_url: a web server that has the segments of snapshots, besides the hub.
    snapshot_file: signals to start from if the store has none, or older ones.
    witness:   check the hub's transparency log every ten minutes, and cosign its head.
    witnesses_required: how many of the witness_keys must have cosigned a head that proves entries.
    local_features: look for pictures of own banks and signals by places in them, too.
    text_in_pictures: languages in which the text of pictures is read and matched, as Tesseract
               spells them; empty: it is not read.
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
    client_certificate: Path | None = None
    hub_public_key: Annotated[tuple[PublicKey, ...], values.public_keys] = ()
    segments_url: Annotated[str, values.optional_address] = ""
    snapshot_file: Path | None = None
    fetch_hosts: Annotated[tuple[str, ...], values.host_names] = ()
    hma_bank: Annotated[str, values.bank_name] = ""
    witness: bool = True
    witnesses_required: Annotated[int, values.number(0, 100)] = 0
    witness_keys: Annotated[tuple[WitnessKey, ...], values.witness_keys] = ()
    local_features: bool = False
    text_in_pictures: Annotated[tuple[str, ...], values.reading_languages] = ()
    exercise: bool = False
    accept_missing_walls: Annotated[frozenset[Wall], values.walls] = frozenset()
    workers: Annotated[int, values.number(1, 64)] = 1
    http_workers: Annotated[int, values.number(1, 64)] = 1
    max_upload_bytes: Annotated[int, values.number(1024, 2_000_000_000)] = 64 * 1024 * 1024
    max_items: Annotated[int, values.number(1, 10_000)] = 1000
    max_hashes: Annotated[int, values.number(1, 200_000)] = 20_000
    live_streams: Annotated[int, values.number(0, 10_000)] = 200
    live_idle_s: Annotated[float, values.seconds(1, 86_400)] = 60.0
    heartbeat_s: Annotated[float, values.seconds(0.1, 3600)] = 8.0
    log_format: LogFormat = LogFormat.TEXT
    keep_days: Annotated[int, values.number(1, 3650)] = 30
    actions_file: Path | None = None
    webhook: WebhookSettings | None = None
    transparency: Transparency | None = None
    companion: HmaSettings | None = None
    journal: JournalSettings = field(default_factory=JournalSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    policies: Policies = field(default_factory=Policies)
    key_path: Path | None = None

    @property
    def policy(self) -> Policy:
        """Return the policy in force."""
        return self.policies.acting

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
        self._check_review()
        self._check_witnesses()
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

    def _check_witnesses(self) -> None:
        """Reject a number of witnesses that no head could have."""
        keys = len(set(self.witness_keys))
        if self.witnesses_required > keys:
            raise ConfigError(
                "witnesses_required",
                f"is {self.witnesses_required}, and witness_keys has {keys}: name more witnesses,"
                " or require fewer",
            )
        if self.witnesses_required and not self.witness:
            raise ConfigError(
                "witnesses_required",
                "needs the check of the hub's log: set witness = true, or witnesses_required = 0",
            )

    def _check_review(self) -> None:
        """Reject a review page that others could open, or that could not ask for pictures."""
        if not self.review.enabled:
            return
        if not is_loopback(self.host):
            raise ConfigError(
                "review.enabled",
                f"is true, but the review page is for this machine only and host is {self.host!r};"
                ' set host = "127.0.0.1", or enabled = false in [review]',
            )
        if self.review.picture_url and self.webhook is None:
            raise ConfigError(
                "review.picture_url",
                "needs the secret of the webhook to sign with; set url and secret in [webhook]",
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
    return parse(raw, root=root)


def parse(raw: dict[str, Any], *, root: Path) -> Config:
    """Return settings from the tables of a file. raises: ConfigError.

    root: where relative paths start from.
    """
    policies = read_policies(raw.pop("policy", {}), root=root)
    also = ("policy", "key_file", "token_file")
    is_in_file = "key_file" in raw and "key" not in raw
    key_path = root / str(raw["key_file"]) if is_in_file else None
    ready = {"policies": policies, "key_path": key_path}
    return read_table(Config, raw, name="", root=root, also=also, ready=ready)


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


_TABLES = {"webhook", "transparency", "companion", "journal", "review", "policies", "key_path"}
_PLAIN = {setting.name for setting in fields(Config)} - _TABLES | {"key_file", "token_file"}
"""Settings that the environment may set, besides those of some tables."""


def _add_environment(raw: dict[str, Any], env: Mapping[str, str]) -> None:
    """Override settings of the file by environment variables."""
    for name, value in env.items():
        if not name.startswith(PREFIX):
            continue
        setting = name.removeprefix(PREFIX).lower()
        table, _, inner = setting.partition("_")
        if table in ("webhook", "companion", "journal", "review"):
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
