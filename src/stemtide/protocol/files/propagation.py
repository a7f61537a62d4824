# SPDX-License-Identifier: Apache-2.0
"""Convert the propagation of signals to CSV that is safe for spreadsheets."""

from collections.abc import Iterable

from stemtide.protocol.files.progress import to_csv
from stemtide.protocol.sync.propagation import PropagationDayOut, SignalPropagationOut


def days_csv(days: Iterable[PropagationDayOut]) -> str:
    """Return sums of days as CSV, a row each. An empty party means all parties."""
    return to_csv(day.model_dump(mode="json") for day in days)


def recipients_csv(propagation: SignalPropagationOut) -> str:
    """Return the recipients of a signal as CSV, a row each."""
    signal = {"signal": str(propagation.signal)}
    return to_csv(
        signal | recipient.model_dump(mode="json") for recipient in propagation.recipients
    )
