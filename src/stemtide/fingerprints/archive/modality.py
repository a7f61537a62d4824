# SPDX-License-Identifier: Apache-2.0
"""Fingerprint each file in an archive like an upload of its own. For the sandbox."""

import importlib
from dataclasses import replace
from typing import cast

from stemtide.fingerprints.analysis import (
    MODALITIES,
    SNIFFED_BYTES,
    Analysis,
    AnalysisOptions,
    Content,
    Modality,
    Progress,
    head_of,
)
from stemtide.fingerprints.archive.members import ArchiveLimits, is_archive, members
from stemtide.fingerprints.file import fingerprint_bytes
from stemtide.fingerprints.kinds import LIMIT, Fingerprint, Fingerprints, QueryView
from stemtide.fingerprints.limits import DecodingLimits

sniff = is_archive

_MOST_FINGERPRINTS = 2_000
_OWN = "archive"


def analyse(
    content: Content, *, limits: DecodingLimits, options: AnalysisOptions, progress: Progress
) -> Analysis:
    """Fingerprint every file in an archive, nested ones too, within ArchiveLimits.

    A fingerprint's part is the file's name in the archive, then its part of that file.
    """
    prints: list[Fingerprint] = []
    views: list[QueryView] = []
    remarks: list[str] = []
    most = ArchiveLimits()
    media_type = sniff(head_of(content))
    done = -1
    options = replace(options, local=False, still=False, frames=0)  # these are made of a lone file
    for done, member in enumerate(members(content, limits=most)):
        progress(done, most.max_members)
        if member.remark:
            remarks.append(_of(member.name, member.remark))
        if not member.blob:
            continue
        member_prints = _analyse_member(member.blob, limits=limits, options=options).fingerprints
        prints += [
            replace(fingerprint, part=_part(member.name, fingerprint.part))
            for fingerprint in member_prints.each
        ]
        views += [view._replace(part=_part(member.name, view.part)) for view in member_prints.views]
        remarks += [_of(member.name, remark) for remark in member_prints.remarks]
        if len(prints) > _MOST_FINGERPRINTS or len(views) > _MOST_FINGERPRINTS:
            remarks.append(f"{LIMIT}only the first {done + 1} files of it were looked at")
            break
    if done < 0:
        remarks.append("nothing is in this archive")
    return Analysis(
        Fingerprints(
            tuple(prints), media_type=media_type, remarks=tuple(remarks), views=tuple(views)
        )
    )


def _analyse_member(blob: bytes, *, limits: DecodingLimits, options: AnalysisOptions) -> Analysis:
    """Analyse one file by its modality; any file gets digests."""
    head = blob[:SNIFFED_BYTES]
    result = Analysis(Fingerprints(()))
    for name, registered in MODALITIES.items():
        if name == _OWN:
            continue
        module = cast("Modality", importlib.import_module(registered.module))
        if module.sniff(head):
            result = module.analyse(blob, limits=limits, options=options, progress=lambda *_: None)
            break
    fingerprints = result.fingerprints
    return replace(
        result,
        fingerprints=replace(fingerprints, each=(*fingerprint_bytes(blob), *fingerprints.each)),
    )


def _part(name: str, part: str) -> str:
    return f"{name}, {part}" if part else name


def _of(name: str, remark: str) -> str:
    """Insert the name of the file into a remark, after its first word."""
    begin, colon, rest = remark.partition(": ")
    return f"{begin}{colon}{name}: {rest}" if colon and name else remark
