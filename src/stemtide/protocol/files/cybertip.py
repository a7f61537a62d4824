# SPDX-License-Identifier: Apache-2.0
"""Reports to NCMEC's CyberTipline as XML files, prepared for a provider's own submission.

source: element names, their order and their values are those of NCMEC's CyberTipline Reporting API
(`<report>` and `<fileDetails>`), as published clients of it use them. NCMEC gives its XSD to
registered providers only, so these files were not validated against it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from xml.etree import ElementTree as ET

SCHEMA = "https://report.cybertip.org/ispws/xsd"
"""The schema that the files name; nothing here fetches it."""

MAX_URL = 2083
MAX_REFERENCE = 255

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_HASH_SIZES = {"MD5": 32, "SHA1": 40, "SHA256": 64}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class IncidentType(StrEnum):
    """Types of incidents, in the words that NCMEC's schema prescribes."""

    MATERIAL = "Child Pornography (possession, manufacture, and distribution)"
    TRAFFICKING = "Child Sex Trafficking"
    TOURISM = "Child Sex Tourism"
    MOLESTATION = "Child Sexual Molestation"
    DOMAIN = "Misleading Domain Name"
    WORDS = "Misleading Words or Digital Images on the Internet"
    ENTICEMENT = "Online Enticement of Children for Sexual Acts"
    UNSOLICITED = "Unsolicited Obscene Material Sent to a Child"


class CyberTipError(ValueError):
    """A report cannot be prepared from these facts. The text names the field and the remedy."""


@dataclass(frozen=True, slots=True)
class FileHash:
    """A hash of the file as it was uploaded. kind: MD5, SHA1 or SHA256; value: lower-case hex."""

    kind: str
    value: str

    @classmethod
    def read(cls, text: str) -> "FileHash":
        """Parse "sha256:9f86…". raises: CyberTipError."""
        kind, _, value = text.strip().partition(":")
        kind, value = kind.upper().replace("-", ""), value.lower()
        if kind not in _HASH_SIZES:
            raise CyberTipError(f"hash: {kind[:20]!r} is no kind: write md5:, sha1: or sha256:")
        if not re.fullmatch(rf"[0-9a-f]{{{_HASH_SIZES[kind]}}}", value):
            raise CyberTipError(f"hash: a {kind} hash has {_HASH_SIZES[kind]} hexadecimal digits")
        return cls(kind, value)


@dataclass(frozen=True, slots=True)
class CyberTipFacts:
    """The facts of an incident that a provider has. Empty fields are left for it to fill in.

    at:        when the incident happened, aware.
    reference: the provider's own, of the upload or the case.
    is_viewed: whether a person of the provider viewed the entire file; None: not stated.
    """

    incident: IncidentType
    at: datetime
    reference: str = ""
    url: str = ""
    hashes: Sequence[FileHash] = ()
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    is_viewed: bool | None = None


def check_facts(facts: CyberTipFacts, *, now: datetime) -> None:
    """Refuse facts that NCMEC's schema does not take. raises: CyberTipError."""
    if facts.at > now:
        raise CyberTipError("at: is in the future: enter when the incident happened")
    if len(facts.reference) > MAX_REFERENCE:
        raise CyberTipError(f"reference: is longer than {MAX_REFERENCE} characters: shorten it")
    if facts.url and not re.match(r"https?://\S+$", facts.url):
        raise CyberTipError("url: is no address: it begins with https:// or http://")
    if len(facts.url) > MAX_URL:
        raise CyberTipError(f"url: is longer than {MAX_URL} characters: leave it out")
    texts = (facts.reference, facts.url, facts.first_name, facts.last_name, facts.email)
    if any(_NOT_XML.search(text) for text in texts):
        raise CyberTipError("a field holds control characters: remove them")


def missing(facts: CyberTipFacts) -> list[str]:
    """Return the elements that the provider has to fill in before it submits the report."""
    names = ["personOrUserReported"]
    names += [
        f"reporter/reportingPerson/{element}"
        for element, attribute in _ATTRIBUTES.items()
        if not getattr(facts, attribute)
    ]
    names += ["fileDetails/reportId", "fileDetails/fileId"]
    if facts.is_viewed is None:
        names.append("fileDetails/fileViewedByEsp")
    return names


def report_xml(facts: CyberTipFacts) -> bytes:
    """Return the `<report>`, with a comment at each place that the provider has to fill in."""
    root = _root("report")
    summary = ET.SubElement(root, "incidentSummary")
    _add(summary, "incidentType", facts.incident.value)
    _add(summary, "incidentDateTime", _stamp(facts.at))
    if facts.url:
        page = ET.SubElement(ET.SubElement(root, "internetDetails"), "webPageIncident")
        _add(page, "url", facts.url)
    person = ET.SubElement(ET.SubElement(root, "reporter"), "reportingPerson")
    for element, attribute in _ATTRIBUTES.items():
        value = getattr(facts, attribute)
        if not value:
            person.append(ET.Comment(f" Fill in: {element} of the person who reports "))
        _add(person, element, value)
    root.append(ET.Comment(_UPLOADER))
    if facts.reference:
        _add(root, "additionalInfo", f"Reference of the provider: {facts.reference}")
    return _document(root)


def file_details_xml(facts: CyberTipFacts) -> bytes:
    """Return the `<fileDetails>`, to submit once NCMEC has answered with its two numbers."""
    root = _root("fileDetails")
    for element in ("reportId", "fileId"):
        root.append(ET.Comment(f" Fill in: {element} from the answer of NCMEC "))
        _add(root, element, "")
    if facts.url:
        _add(root, "locationOfFile", facts.url)
    if facts.is_viewed is None:
        viewed = "true or false: did a person of the provider view the entire file? "
        root.append(ET.Comment(f" Fill in: fileViewedByEsp, {viewed}"))
    else:
        _add(root, "fileViewedByEsp", str(facts.is_viewed).lower())
    for file_hash in facts.hashes:
        _add(root, "originalFileHash", file_hash.value, hashType=file_hash.kind)
    return _document(root)


_ATTRIBUTES = {"firstName": "first_name", "lastName": "last_name", "email": "email"}
"""Elements of the person who reports, in the order of the schema, by our names for them."""

_UPLOADER = """ Fill in what you know about the uploader, in this order, and remove the comment:
  <personOrUserReported>
    <espIdentifier>the id of the account at your service</espIdentifier>
    <espService>the name of your service</espService>
    <screenName>the name that the account shows</screenName>
    <ipCaptureEvent>
      <ipAddress>the address of the upload</ipAddress>
      <eventName>Upload</eventName>
      <dateTime>2026-11-29T12:00:00Z</dateTime>
    </ipCaptureEvent>
  </personOrUserReported>
"""


def _root(name: str) -> ET.Element:
    """Return the root element of a document, which names the schema."""
    return ET.Element(name, {"xmlns:xsi": _XSI, "xsi:noNamespaceSchemaLocation": SCHEMA})


def _add(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    """Append an element with a text."""
    ET.SubElement(parent, name, attributes).text = text


def _stamp(at: datetime) -> str:
    """Return a time in UTC as the schema writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _document(root: ET.Element) -> bytes:
    """Return a document in UTF-8, indented."""
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text + b"\n"
