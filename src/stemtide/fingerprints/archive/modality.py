# SPDX-License-Identifier: Apache-2.0
"""Archives: each file in one is looked at like an upload of its own. For the sandbox."""

import importlib
from dataclasses import replace
from typing import cast

from stemtide.fingerprints.analysis import (
    MODALITIES,
    SNIFFED_BYTES,
    Asked,
    Content,
    Look,
    Modality,
    Progress,
    head_of,
)
from stemtide.fingerprints.archive.members import ArchiveLimits, is_archive, members
from stemtide.fingerprints.file import fingerprint_bytes
from stemtide.fingerprints.kinds import LIMIT, Fingerprint, Fingerprints, QueryView
from stemtide.fingerprints.limits import Limits

sniff = is_archive

_MOST_FINGERPRINTS = 2_000
_OWN = "archive"


def look(content: Content, *, limits: Limits, asked: Asked, progress: Progress) -> Look:
    """Look at every file in an archive, nested ones too, within the limits of ArchiveLimits.

    A fingerprint's part is the file's name in the archive, then what part of that it is.
    """
    each: list[Fingerprint] = []
    views: list[QueryView] = []
    remarks: list[str] = []
    most = ArchiveLimits()
    media_type = sniff(head_of(content))
    done = -1
    for done, member in enumerate(members(content, limits=most)):
        progress(done, most.max_members)
        if member.remark:
            remarks.append(_of(member.name, member.remark))
        if not member.blob:
            continue
        found = _look_at(member.blob, limits=limits, asked=asked).fingerprints
        each += [replace(one, part=_part(member.name, one.part)) for one in found.each]
        views += [replace(view, part=_part(member.name, view.part)) for view in found.views]
        remarks += [_of(member.name, remark) for remark in found.remarks]
        if len(each) > _MOST_FINGERPRINTS or len(views) > _MOST_FINGERPRINTS:
            remarks.append(f"{LIMIT}only the first {done + 1} files of it were looked at")
            break
    if done < 0:
        remarks.append("nothing is in this archive")
    return Look(
        Fingerprints(tuple(each), media_type=media_type, remarks=tuple(remarks), views=tuple(views))
    )


def _look_at(blob: bytes, *, limits: Limits, asked: Asked) -> Look:
    """Look at one file by the modality that it is of; digests are made of any."""
    head = blob[:SNIFFED_BYTES]
    found = Look(Fingerprints(()))
    for name, registered in MODALITIES.items():
        if name == _OWN:
            continue
        module = cast("Modality", importlib.import_module(registered.module))
        if module.sniff(head):
            found = module.look(blob, limits=limits, asked=asked, progress=lambda *_: None)
            break
    made = found.fingerprints
    return replace(found, fingerprints=replace(made, each=(*fingerprint_bytes(blob), *made.each)))


def _part(name: str, part: str) -> str:
    return f"{name}, {part}" if part else name


def _of(name: str, remark: str) -> str:
    """Say of which file a remark is, after the word that it begins with."""
    begin, colon, rest = remark.partition(": ")
    return f"{begin}{colon}{name}: {rest}" if colon and name else remark
