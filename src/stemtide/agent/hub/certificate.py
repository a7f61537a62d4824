# SPDX-License-Identifier: Apache-2.0
"""The client certificate that an agent shows to its hub."""

from datetime import datetime
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates

_DAY_S = 86_400


def days_left(path: Path | None, *, now: datetime) -> float | None:
    """Return the days until a client certificate expires; None without one that can be read."""
    if path is None:
        return None
    try:
        certificate, *_ = load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return None
    return (certificate.not_valid_after_utc - now).total_seconds() / _DAY_S
