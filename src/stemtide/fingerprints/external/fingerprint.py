# SPDX-License-Identifier: Apache-2.0
"""Fingerprint content by the signal types of other packages. Runs in a worker of the sandbox."""

from dataclasses import replace

import numpy as np
from PIL import Image

from stemtide.fingerprints.analysis import Analysis, Content, bytes_of
from stemtide.fingerprints.external.contract import PICTURE_SIDE_PX, Media, SignalType
from stemtide.fingerprints.external.installed import installed_types
from stemtide.fingerprints.image.formats import check_pixels, open_image, pillow_limited
from stemtide.fingerprints.kinds import UNDECODABLE, Fingerprint, Kind
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.external import ExternalValue


def with_external(
    analysis: Analysis, content: Content, *, is_picture: bool, limits: DecodingLimits
) -> Analysis:
    """Add the fingerprints of installed types; a type that fails leaves a remark.

    Content that the hub's own decoders refuse is not given to them.
    """
    prints = analysis.fingerprints
    types = [
        signal_type
        for signal_type in installed_types().values()
        if _takes(signal_type, is_picture=is_picture)
    ]
    if not types or prints.is_incomplete:
        return analysis
    blob = bytes_of(content)
    added: list[Fingerprint] = []
    remarks: list[str] = []
    for signal_type in types:
        try:
            value = signal_type.fingerprint(_input_of(signal_type, blob, limits=limits))
            if value is not None:
                packed = ExternalValue(signal_type.name, bytes(value)).to_bytes()
                added.append(Fingerprint(Kind.EXTERNAL, packed))
        except Exception as error:  # noqa: BLE001  # of another package: one clear remark
            why = f"the signal type {signal_type.name} failed ({type(error).__name__})"
            remarks.append(f"{UNDECODABLE}{why}")
    all_prints, all_remarks = (*prints.each, *added), (*prints.remarks, *remarks)
    return replace(analysis, fingerprints=replace(prints, each=all_prints, remarks=all_remarks))


def _takes(signal_type: SignalType, *, is_picture: bool) -> bool:
    """Whether a type makes fingerprints of such content."""
    return signal_type.media == Media.FILE or is_picture


def _input_of(signal_type: SignalType, blob: bytes, *, limits: DecodingLimits) -> object:
    """Return what a type makes its fingerprint of."""
    if signal_type.media == Media.FILE:
        return blob
    return picture_of(blob, limits=limits)


def picture_of(blob: bytes, *, limits: DecodingLimits) -> object:
    """Return a picture as a (height, width, 3) uint8 array, reduced to PICTURE_SIDE_PX."""
    with pillow_limited(limits):
        image = open_image(blob)
        check_pixels(image, limits)
        rgb = image.convert("RGB")
        rgb.thumbnail((PICTURE_SIDE_PX, PICTURE_SIDE_PX), Image.Resampling.BILINEAR)
        return np.asarray(rgb)
