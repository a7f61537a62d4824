# SPDX-License-Identifier: Apache-2.0
"""Post-crisis reports with their parts, and what people add to reports that the law asks for."""

from django.db import models

from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.enums import NoteTopic, ReportAudience, ReportState


class Report(models.Model):
    """One version of a crisis' report. A published one is never changed: the next one follows it.

    figures, head: frozen at publication, with the ledger's highest number then.
    opened_ref, agreed_ref: the person or key that did it, as the ledger names them.
    """

    uid = models.UUIDField(unique=True)
    crisis = models.ForeignKey(Crisis, models.PROTECT, related_name="after_reports")
    version = models.PositiveSmallIntegerField()
    framework = models.CharField(max_length=60)
    state = models.CharField(
        max_length=10, choices=[(s, s) for s in ReportState], default=ReportState.DRAFT
    )
    audience = models.CharField(max_length=10, blank=True, choices=[(a, a) for a in ReportAudience])
    opened_by = models.ForeignKey(Party, models.PROTECT, related_name="reports_opened")
    opened_ref = models.CharField(max_length=80)
    opened_at = models.DateTimeField()
    agreed_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="reports_agreed")
    agreed_ref = models.CharField(max_length=80, blank=True)
    agreed_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey(
        Party, models.PROTECT, null=True, related_name="reports_published"
    )
    published_at = models.DateTimeField(null=True)
    figures = models.JSONField(null=True)
    head = models.BigIntegerField(null=True)
    exercise = models.BooleanField(default=False)

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["crisis", "version"], name="one_report_a_crisis_and_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.crisis_id} v{self.version} {self.state}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger ("report" alone is an agent's)."""
        return f"debrief:{self.uid}"


class ReportSection(models.Model):
    """The current text of one section. draft: what the program wrote from the record."""

    report = models.ForeignKey(Report, models.CASCADE, related_name="sections")
    name = models.CharField(max_length=40)
    text = models.TextField(blank=True)
    draft = models.TextField(blank=True, db_default="")
    written_by = models.ForeignKey(Party, models.PROTECT, related_name="sections_written")
    written_ref = models.CharField(max_length=80)
    written_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["report", "name"], name="one_section_a_report_and_name")
        ]

    def __str__(self) -> str:
        return self.name


class ReportAuthor(models.Model):
    """A person or key that wrote a report since it was last agreed; they may not agree to it."""

    report = models.ForeignKey(Report, models.CASCADE, related_name="authors")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    ref = models.CharField(max_length=80)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["report", "ref"], name="one_author_a_report_and_hand")
        ]

    def __str__(self) -> str:
        return self.ref


class DebriefNote(models.Model):
    """A party's note in the debrief."""

    uid = models.UUIDField(unique=True)
    report = models.ForeignKey(Report, models.CASCADE, related_name="notes")
    topic = models.CharField(max_length=12, choices=[(t, t) for t in NoteTopic])
    text = models.TextField()
    added_by = models.ForeignKey(Party, models.PROTECT, related_name="debrief_notes")
    added_at = models.DateTimeField()

    class Meta:
        ordering = ["topic", "added_at", "pk"]

    def __str__(self) -> str:
        return f"{self.topic} {self.uid}"


class DebriefAction(models.Model):
    """An action, with its owner and due date."""

    uid = models.UUIDField(unique=True)
    report = models.ForeignKey(Report, models.CASCADE, related_name="actions")
    text = models.CharField(max_length=500)
    owner = models.ForeignKey(Party, models.PROTECT, related_name="debrief_actions")
    due_on = models.DateField()
    added_by = models.ForeignKey(Party, models.PROTECT, related_name="debrief_actions_added")
    added_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["due_on", "pk"]

    def __str__(self) -> str:
        return f"{self.text[:40]} {self.due_on}"


class DsaForm(models.Model):
    """What a provider adds to its DSA transparency report. ref: who wrote it last."""

    party = models.ForeignKey(Party, models.PROTECT, related_name="dsa_forms")
    year = models.PositiveSmallIntegerField()
    half = models.PositiveSmallIntegerField(default=0)
    form = models.JSONField()
    ref = models.CharField(max_length=80)
    written_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["party", "year", "half"], name="one_form_a_period")
        ]

    def __str__(self) -> str:
        return f"form of {self.year}/{self.half}"


class DsaVersion(models.Model):
    """A finished version of a DSA transparency report. Nothing changes it; the next one follows it.

    tables: all sheets as they were. head: the ledger's highest number then.
    change: what it changes in the version before.
    """

    party = models.ForeignKey(Party, models.PROTECT, related_name="dsa_versions")
    year = models.PositiveSmallIntegerField()
    half = models.PositiveSmallIntegerField(default=0)
    number = models.PositiveSmallIntegerField()
    change = models.TextField(blank=True)
    tables = models.JSONField()
    head = models.BigIntegerField()
    ref = models.CharField(max_length=80)
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["year", "half", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["party", "year", "half", "number"], name="one_version_a_period_and_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.year}/{self.half} v{self.number}"


class YearlyLine(models.Model):
    """A figure of a yearly report that its party writes, as the hub cannot count it.

    figure: its name in the report's file; count, text: by its kind. ref: who wrote it.
    """

    party = models.ForeignKey(Party, models.PROTECT, related_name="yearly_lines")
    year = models.PositiveSmallIntegerField()
    figure = models.CharField(max_length=40)
    exercise = models.BooleanField(default=False)
    count = models.PositiveIntegerField(null=True)
    text = models.TextField(blank=True)
    ref = models.CharField(max_length=80)
    written_at = models.DateTimeField()

    class Meta:
        ordering = ["year", "figure"]
        constraints = [
            models.UniqueConstraint(
                fields=["party", "year", "figure", "exercise"], name="one_line_a_year_and_figure"
            )
        ]

    def __str__(self) -> str:
        return f"{self.figure} of {self.year}"


class YearlyVersion(models.Model):
    """A finished version of a yearly report. Nothing changes it; the next one follows it.

    report: the whole report as it was. head: the ledger's highest number then.
    change: what it changes in the version before.
    """

    party = models.ForeignKey(Party, models.PROTECT, related_name="yearly_versions")
    form = models.CharField(max_length=20)
    year = models.PositiveSmallIntegerField()
    exercise = models.BooleanField(default=False)
    number = models.PositiveSmallIntegerField()
    change = models.TextField(blank=True)
    report = models.JSONField()
    head = models.BigIntegerField()
    ref = models.CharField(max_length=80)
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["year", "form", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["party", "form", "year", "exercise", "number"],
                name="one_yearly_version_a_number",
            )
        ]

    def __str__(self) -> str:
        return f"{self.form} of {self.year} v{self.number}"


class PublishedFigures(models.Model):
    """The public figures of a quarter. Nothing changes them, and there is no second version.

    body: the figures as canonical JSON. digest: its SHA-256, which the ledger has in an entry.
    """

    first = models.DateField(unique=True)
    last = models.DateField()
    body = models.TextField()
    digest = models.CharField(max_length=64)
    entry = models.BigIntegerField()
    published_at = models.DateTimeField()

    class Meta:
        ordering = ["first"]

    def __str__(self) -> str:
        return f"figures from {self.first} to {self.last}"
