# SPDX-License-Identifier: Apache-2.0
"""Check things that the hub cannot get back once they are lost: keys, certificates, backups."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from stemtide.hub import host_keys
from stemtide.hub.checks.results import CheckResult, Level
from stemtide.hub.platform.documents import hub_seal, party_seals
from stemtide.hub.platform.documents.seal_files import SealFileError
from stemtide.hub.rooms.ledger.reads import backups as backup_reads
from stemtide.hub.rooms.ledger.rules.keys import KeyName, OtherKeyError
from stemtide.hub.rooms.media.keys import KeyFileError
from stemtide.hub.rooms.snapshots.keys import SigningKeyError

_RENEW_WITHIN = timedelta(days=30)
_BACKED_UP_WITHIN = timedelta(hours=36)
_TOO_OLD = timedelta(days=8)
_SHORT_SECRET = 32


def keys(now: datetime) -> Iterator[CheckResult]:
    """Check that this machine has the hub's keys."""
    flaws = list(key_flaws(now))
    for flaw in flaws:
        yield CheckResult("keys", Level.FAIL, flaw)
    if len(settings.SECRET_KEY) < _SHORT_SECRET:
        text = f"the secret has only {len(settings.SECRET_KEY)} characters"
        remedy = "set a longer one, and list this one in STEMTIDE_OLD_SECRET_KEYS"
        yield CheckResult("keys", Level.WARN, text, remedy)
    elif not flaws:
        yield CheckResult("keys", Level.OK, "this machine has the hub's keys")


def key_flaws(now: datetime) -> Iterator[str]:
    """Yield the keys of this machine that are not the hub's."""
    for name in KeyName:
        try:
            host_keys.check(name, now=now)
        except (OtherKeyError, KeyFileError, SealFileError, SigningKeyError) as error:
            yield str(error)


def seals(now: datetime) -> Iterator[CheckResult]:
    """Check until when certificates of seals are valid."""
    if not Path(host_keys.place_of(KeyName.SEAL)).exists():
        yield CheckResult("seals", Level.OK, "the hub creates its seal at its first start")
        return
    try:
        certificates = {"the hub's seal": hub_seal.certificate(now).valid_until}
        own_seals = party_seals.own_seals(now)
    except SealFileError as error:
        yield CheckResult("seals", Level.FAIL, str(error))
        return
    flaws = []
    for party, own in own_seals.items():
        if own.seal is None:
            text = f"the seal of {party} cannot be used: {own.why}"
            flaws.append(CheckResult("seals", Level.FAIL, text, "see stemtide hub seals"))
        else:
            certificates[f"the seal of {party}"] = hub_seal.described(own.seal).valid_until
    for name, end in certificates.items():
        if end < now + _RENEW_WITHIN:
            level = Level.FAIL if end < now else Level.WARN
            text = f"{name} {'expired' if end < now else 'expires'} on {end:%Y-%m-%d}"
            remedy = "renew the certificate, and list the old one in STEMTIDE_SEAL_TRUST_FILE"
            flaws.append(CheckResult("seals", level, text, remedy))
    yield from flaws
    if not flaws:
        first = min(certificates.values())
        yield CheckResult("seals", Level.OK, f"all certificates are valid until {first:%Y-%m-%d}")


def backups(now: datetime) -> Iterator[CheckResult]:
    """Check when the hub was backed up last."""
    last = backup_reads.last_backup()
    remedy = "run stemtide hub backup each night: docs/run/backup.md"
    if last is None:
        text = "the hub was never backed up by stemtide hub backup"
        yield CheckResult("backups", Level.WARN, text, remedy)
        return
    age = now - last.at
    text = f"the last backup is of {last.at:%Y-%m-%d %H:%M} UTC"
    if age > _BACKED_UP_WITHIN:
        level = Level.FAIL if age > _TOO_OLD else Level.WARN
        yield CheckResult("backups", level, text, remedy)
    elif not last.is_encrypted:
        yield CheckResult("backups", Level.WARN, f"{text}, and is not encrypted", remedy)
    else:
        yield CheckResult("backups", Level.OK, text)
