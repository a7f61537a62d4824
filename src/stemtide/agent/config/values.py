# SPDX-License-Identifier: Apache-2.0
"""Validators for the values of agent.toml, one for each kind of value.

A validator takes a value of TOML or of the environment and returns it typed, or raises ValueError
saying what it must be; the caller adds the name of the setting.
"""

import base64
import binascii
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stemtide.client.connection import is_loopback
from stemtide.fingerprints.sandbox.walls import Wall
from stemtide.protocol.labels import labels
from stemtide.protocol.signing.signatures import SignerKey
from stemtide.protocol.sync.agents import AGENT_NAME
from stemtide.protocol.sync.signatures import PublicKey
from stemtide.protocol.tlog.cosignatures import WitnessKey

_SECRET_BYTES = 24
_MAX_LANGUAGES = 8


def text(value: object) -> str:
    """Validate text and strip the blanks around it."""
    if not isinstance(value, str):
        raise ValueError(f"must be text in quotes, not {value!r}")  # noqa: TRY004 - one kind of error
    return value.strip()


def flag(value: object) -> bool:
    """Validate a boolean, also as spelled in the environment."""
    if value in (True, "true", "1"):
        return True
    if value in (False, "false", "0"):
        return False
    raise ValueError(f"must be true or false, not {value!r}")


def number(low: int, high: int) -> Callable[[object], int]:
    """Return a validator for whole numbers from low to high, both included."""

    def read(value: object) -> int:
        is_number = isinstance(value, int | str) and not isinstance(value, bool)
        if not (is_number and re.fullmatch(r"\d{1,12}", str(value))):
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}")
        number = int(str(value))
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}, not {number}")
        return number

    return read


def seconds(low: float, high: float) -> Callable[[object], float]:
    """Return a validator for seconds from low to high, both included."""

    def read(value: object) -> float:
        try:
            number = float(str(value))
        except ValueError:
            number = float("nan")
        if isinstance(value, bool) or not low <= number <= high:
            raise ValueError(f"must be a number of seconds from {low:g} to {high:g}, not {value!r}")
        return number

    return read


def choice(words: type[StrEnum]) -> Callable[[object], Any]:
    """Return a validator for the values of a StrEnum."""

    def read(value: object) -> StrEnum:
        try:
            return words(str(value))
        except ValueError:
            raise ValueError(f"must be one of {', '.join(words)}, not {value!r}") from None

    return read


def several(validate: Callable[[Any], Any]) -> Callable[[object], frozenset[Any]]:
    """Return a validator for lists, given that of an item."""

    def read(value: object) -> frozenset[Any]:
        if not isinstance(value, list) or not value:
            raise ValueError(f'must be a list such as ["…"], not {value!r}')
        return frozenset(validate(item) for item in value)

    return read


def label(value: object) -> str:
    """Validate the name of a label that a signal may carry."""
    allowed = sorted(name for name, label in labels().items() if not label.refuse_to)
    if value not in allowed:
        raise ValueError(f"must be a label ({', '.join(allowed)}), not {value!r}")
    return str(value)


def agent_name(value: object) -> str:
    """Validate an agent's name by the hub's rules."""
    name = text(value)
    if not re.fullmatch(AGENT_NAME, name):
        raise ValueError(f"must be 1 to 63 of a-z, 0-9 and -, not {name!r}")
    return name


def address(value: object) -> str:
    """Validate an http or https URL without a query, and strip its last slash."""
    url = text(value).rstrip("/")
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
        is_good = is_good and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or "?" in url or "#" in url:
        raise ValueError(f"must be an address such as https://hub.example, not {url!r}")
    return url


def optional_address(value: object) -> str:
    """Validate an address as `address` does; empty for none."""
    return address(value) if text(value) else ""


def webhook_address(value: object) -> str:
    """Validate an http or https URL, which may have a query."""
    url = text(value)
    address(url.partition("?")[0])
    return url


def picture_address(value: object) -> str:
    """Validate an https URL, or http on this machine, in which {ref} may stand; empty for none."""
    url = text(value)
    if not url:
        return ""
    plain = webhook_address(url.replace("{ref}", "ref"))
    parts = urlsplit(plain)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError(f"must be https, unless it is on this machine, not {url!r}")
    return url


def host_names(value: object) -> tuple[str, ...]:
    """Validate host names: a list, or text separated by commas."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list):
        raise ValueError(f'must be a list of host names such as ["agent.internal"], not {value!r}')  # noqa: TRY004 - one kind of error
    return tuple(text(name).lower() for name in names)


def reading_languages(value: object) -> tuple[str, ...]:
    """Validate languages of Tesseract: a list, or text separated by commas; empty for none."""
    names = [name for name in value.split(",") if name] if isinstance(value, str) else value
    if not isinstance(names, list) or len(names) > _MAX_LANGUAGES:
        raise ValueError(
            f'must be a list of at most {_MAX_LANGUAGES} languages such as ["eng", "nld"], not'
            f" {value!r}"
        )
    read = tuple(dict.fromkeys(text(name) for name in names))
    for name in read:
        if not re.fullmatch(r"[a-z]{3}(_[a-z]{2,8})?", name):
            raise ValueError(
                f"must spell languages as `tesseract --list-langs` does, such as eng, not {name!r}"
            )
    return read


def walls(value: object) -> frozenset[Wall]:
    """Validate walls of the sandbox: a list, or text separated by commas."""
    names = value.split(",") if isinstance(value, str) else value
    return several(choice(Wall))(names)


def public_keys(value: object) -> tuple[PublicKey, ...]:
    """Validate public keys of a hub: one, a list, or text separated by commas."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not names:
        raise ValueError(f'must be a key such as "ed25519:…", or a list of such, not {value!r}')
    return tuple(PublicKey.read(text(name)) for name in names)


def witness_keys(value: object) -> tuple[WitnessKey, ...]:
    """Validate keys of witnesses: one, a list, or text separated by commas."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list):
        raise ValueError(f'must be a key such as "witness.example/w1+…", or a list, not {value!r}')  # noqa: TRY004 - one kind of error
    return tuple(WitnessKey.read(text(name)) for name in names)


def signer_keys(value: object) -> tuple[SignerKey, ...]:
    """Validate keys of signers: a list, or the path of a file with one in each line."""
    if isinstance(value, str):
        lines = _lines_of(path(value))
    elif isinstance(value, list):
        lines = [text(name) for name in value]
    else:
        raise ValueError(f"must be a list of keys, or a file with one in each line, not {value!r}")  # noqa: TRY004 - one kind of error
    keys = tuple(SignerKey.read(line) for line in lines)
    if not keys:
        raise ValueError("has no key, so that nothing would fit: name one, or leave this out")
    return keys


def _lines_of(file: Path) -> list[str]:
    """Return the lines of a file, without empty ones and comments. raises: ValueError."""
    try:
        lines = map(str.strip, file.read_text("utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read ({error}): check its path and owner") from error
    return [line for line in lines if line and not line.startswith("#")]


def bank_name(value: object) -> str:
    """Validate the name of an HMA bank; empty for no bank."""
    name = text(value)
    if name and not re.fullmatch(r"[A-Z0-9_]{1,255}", name):
        raise ValueError(f"must be A to Z, 0 to 9 and _, such as EU_CRISIS, not {name!r}")
    return name


def signing_secret(value: object) -> str:
    """Validate a Standard Webhooks secret: "whsec_" and base64 of 24 bytes or more."""
    secret = text(value)
    try:
        raw = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raw = b""
    if not secret.startswith("whsec_") or len(raw) < _SECRET_BYTES:
        raise ValueError(
            'must be "whsec_" and the base64 of at least 24 random bytes; '
            "make one with: echo whsec_$(openssl rand -base64 32)"
        )
    return secret


def bearer_token(value: object) -> str:
    """Validate a token for a header; the error does not repeat it."""
    token = str(value).strip()
    if not re.fullmatch(r"[\x21-\x7e]{1,4096}", token):
        raise ValueError("must hold the token alone, on one line: copy it anew")
    return token


def path(value: object) -> Path:
    """Validate a path; ~ is the home directory."""
    return Path(text(value)).expanduser()
