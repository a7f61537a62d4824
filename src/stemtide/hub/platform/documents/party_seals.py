# SPDX-License-Identifier: Apache-2.0
"""The own seals of parties, from the file in which the hub's operator lists their keys.

1 The operator alone writes the file (STEMTIDE_SEAL_PARTIES_FILE). No request and no row names a
  path: the key of a document is looked up by the name of the party that the document is from.
2 Passphrases and PINs stand in files that nobody else can read. They are never logged.
3 A key is opened once, and again when its file changes.
4 A key that cannot be used stops no document: the hub seals it alone, and the document says so.

source: docs/run/hub.md, "Seals of parties".
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from pydantic import BaseModel, ConfigDict, model_validator

from stemtide.hub.platform.documents import seal_files, token_seals
from stemtide.hub.platform.documents.pdf_seals import Seal
from stemtide.hub.platform.documents.seal_files import SealFileError
from stemtide.hub.platform.documents.token_seals import TokenError, TokenHangsError
from stemtide.protocol.law.toml_files import read_tables
from stemtide.protocol.messages.documents import OwnKeyState

log = logging.getLogger(__name__)

_OPEN_TO_OTHERS = 0o037
"""Rights that nobody but the owner, and for reading the group, may have to a secret."""


_PAUSE_S = 30.0
"""How long a key that failed is left alone."""

_failures: dict[tuple["SealSettings", tuple[int, ...]], tuple[float, str]] = {}
"""When a key failed, in seconds of time.monotonic(), and why."""


@dataclass(frozen=True, slots=True)
class OwnSeal:
    """The own seal of a party. seal: also of an expired one; why: for the hub's operator alone."""

    state: OwnKeyState
    seal: Seal | None = None
    why: str = ""


class SealSettings(BaseModel):
    """A party's key: in a file (PKCS #12 or PEM), or on a token (PKCS #11)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path | None = None
    password_file: Path | None = None
    token_library: Path | None = None
    token: str = ""
    key: str = ""
    pin_file: Path | None = None
    certificate_file: Path | None = None

    @model_validator(mode="after")
    def _is_file_or_token(self) -> "SealSettings":
        """Refuse a row that names neither, both, or half a token."""
        token = (self.token_library, self.token, self.key, self.pin_file, self.certificate_file)
        if self.file is not None and any(token):
            raise ValueError("give a file or a token, and not both")
        if self.file is None and not all(token):
            raise ValueError(
                "give file, or all of token_library, token, key, pin_file, certificate_file"
            )
        return self

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the files that the key is made of."""
        files = (self.file, self.password_file, self.pin_file, self.certificate_file)
        return tuple(path for path in files if path is not None)


def own_seal_of(party: str, *, now: datetime) -> OwnSeal:
    """Return a party's own seal, or why it cannot be used. It never raises: an order must leave.

    The tokens of other parties are left alone: one that hangs holds up nobody else.
    """
    try:
        rows = key_rows()
    except SealFileError as error:
        log.warning("own seals of parties cannot be used: %s", error)
        return OwnSeal(OwnKeyState.UNUSABLE, why=str(error))
    if party not in rows:
        return OwnSeal(OwnKeyState.NONE)
    return _opened(party, rows[party], shared=_shared(rows), now=now)


def opened(now: datetime) -> dict[str, OwnSeal]:
    """Return the own seals of all parties; none if the operator's list cannot be read."""
    try:
        return own_seals(now)
    except SealFileError as error:
        log.warning("own seals of parties cannot be recognised: %s", error)
        return {}


def own_seals(now: datetime) -> dict[str, OwnSeal]:
    """Return the own seals of all parties that have a key, by party.

    raises: SealFileError if the operator's list itself cannot be read.
    """
    rows = key_rows()
    shared = _shared(rows)
    return {party: _opened(party, row, shared=shared, now=now) for party, row in rows.items()}


def parties_by_certificate() -> dict[bytes, str]:
    """Return the party of each certificate; none if the operator's list cannot be read.

    It asks no token: a document is recognised also while the token that sealed it is gone.
    """
    try:
        owners = _owners(key_rows())
    except SealFileError as error:
        log.warning("own seals of parties cannot be recognised: %s", error)
        return {}
    return {certificate: parties[0] for certificate, parties in owners.items() if not parties[1:]}


def key_rows() -> Mapping[str, SealSettings]:
    """Return the rows of the operator's list; none without a list.

    raises: SealFileError.
    """
    if not settings.SEAL_PARTIES_FILE:
        return {}
    path = Path(settings.SEAL_PARTIES_FILE)
    return _rows(path, seal_files.changed_at(path))


@lru_cache(maxsize=2)
def _rows(path: Path, changed: int) -> Mapping[str, SealSettings]:  # noqa: ARG001  # a changed file is read again
    """Parse the operator's list.

    raises: SealFileError.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise SealFileError(
            f"{path} cannot be read ({error}): write a table for each party, see docs/run/hub.md"
        ) from error
    return read_tables(SealSettings, text, name=str(path), error=SealFileError)


def _shared(rows: Mapping[str, SealSettings]) -> dict[str, str]:
    """Return why parties cannot use their keys whose certificate another party has, too."""
    return {
        party: f"{', '.join(parties)} have the same certificate: give each party its own key"
        for parties in _owners(rows).values()
        for party in parties
        if len(parties) > 1
    }


def _owners(rows: Mapping[str, SealSettings]) -> dict[bytes, list[str]]:
    """Return the parties of each certificate that can be read. It asks no token."""
    owners: dict[bytes, list[str]] = {}
    for party, row in rows.items():
        try:
            if row.certificate_file is None:
                certificate = _tried(party, row).certificate_der
            else:
                certificate = token_seals.own_certificate(
                    seal_files.trusted_in(row.certificate_file), label=row.token
                ).dump()
        except (SealFileError, TokenError):  # logged where the key itself is needed
            continue
        owners.setdefault(certificate, []).append(party)
    return owners


def _opened(party: str, row: SealSettings, *, shared: Mapping[str, str], now: datetime) -> OwnSeal:
    """Return a party's seal, opened. shared: why parties with a key in common cannot use it."""
    if party in shared:
        return OwnSeal(OwnKeyState.UNUSABLE, why=shared[party])
    try:
        seal = _tried(party, row)
    except (SealFileError, TokenError) as error:
        return OwnSeal(OwnKeyState.UNUSABLE, why=str(error))
    certificate = seal.certificate
    if now > certificate.not_valid_after:
        why = f"its certificate expired at {certificate.not_valid_after:%Y-%m-%d %H:%M} UTC"
        return OwnSeal(OwnKeyState.EXPIRED, seal, why)
    if now < certificate.not_valid_before:
        why = f"its certificate is valid from {certificate.not_valid_before:%Y-%m-%d %H:%M} UTC"
        return OwnSeal(OwnKeyState.NOT_YET_VALID, seal, why)
    return OwnSeal(OwnKeyState.READY, seal)


def _tried(party: str, row: SealSettings) -> Seal:
    """Open a key. One that failed is left alone for a while: a token counts wrong PINs.

    raises: SealFileError, TokenError.
    """
    changed = tuple(seal_files.changed_at(path) for path in row.paths)
    failed_at, why = _failures.get((row, changed), (float("-inf"), ""))
    if time.monotonic() - failed_at < _PAUSE_S:
        raise SealFileError(why)
    try:
        seal = _seal(row, changed)
    except (SealFileError, TokenError) as error:
        log.warning("the own seal of %s cannot be used: %s", party, error)
        if not isinstance(error, TokenHangsError):  # its library makes a pause for all its tokens
            _failures[row, changed] = time.monotonic(), str(error)
        raise
    _failures.pop((row, changed), None)
    return seal


@lru_cache(maxsize=512)
def _seal(row: SealSettings, changed: tuple[int, ...]) -> Seal:  # noqa: ARG001  # changed files are read again
    """Open a key.

    raises: SealFileError, TokenError.
    """
    for path in row.paths:
        if path != row.certificate_file:
            _check_private(path)
    if row.file is not None:
        return seal_files.seal_in(
            row.file, password=_secret(row.password_file), setting="password_file"
        )
    if row.token_library is None or row.certificate_file is None:
        raise TypeError("the row's validator lets no such row through")
    token = token_seals.Token(
        library=row.token_library, label=row.token, key=row.key, pin=_secret(row.pin_file)
    )
    return token_seals.token_seal(token, seal_files.trusted_in(row.certificate_file))


def _check_private(path: Path) -> None:
    """Refuse a file with a secret that others can read.

    raises: SealFileError.
    """
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise SealFileError(f"{path} cannot be read ({error.strerror})") from error
    if mode & _OPEN_TO_OTHERS:
        raise SealFileError(f"{path} is open to others (mode {mode:04o}): run chmod 600 {path}")


def _secret(path: Path | None) -> str:
    """Return the passphrase in a file; "" without a file.

    raises: SealFileError.
    """
    if path is None:
        return ""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise SealFileError(f"{path} cannot be read as a passphrase") from error
