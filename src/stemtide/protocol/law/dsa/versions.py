# SPDX-License-Identifier: Apache-2.0
"""Messages about DSA transparency reports and their versions."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.law.dsa.figures import ReportForm
from stemtide.protocol.law.dsa.report import DsaReport


class DsaVersionIn(BaseModel):
    """A request to finish a report. change: what changed, why and how; empty for the first."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    change: str = Field("", max_length=5_000)


class DsaVersionOut(BaseModel):
    """A finished version. head: the ledger's highest number when it was finished."""

    number: int
    change: str
    finished_at: AwareDatetime
    head: int


class DsaReportOut(BaseModel):
    """The draft of a period's report, with the party's additions, and its versions.

    half: 0 for a whole year.
    """

    party: str
    year: int
    half: int
    form: ReportForm
    report: DsaReport
    versions: list[DsaVersionOut]
