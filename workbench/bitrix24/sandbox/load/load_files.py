"""CSV files as people export them: encodings, separators, ragged rows, numbers and dates."""

from __future__ import annotations

import codecs
import csv
import io
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from workbench.errors import ConfigurationError, SourceError
from workbench.i18n import _

EXAMPLES = 3
Row = dict[str, str]


@dataclass
class Remark:
    """Something odd: the file, what it is, how often, and a few examples."""

    file: str
    what: str
    count: int
    examples: list[str] = field(default_factory=list)


@dataclass
class LoadReport:
    """What was loaded (rows per entity) and what was odd."""

    rows: dict[str, int] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def note(self, file: str, what: str, values: Iterable[str]) -> None:
        """Add a remark about these values, or to the one there is; no values add nothing."""
        found = list(values)
        if not found:
            return
        kinds = [value for value, _n in Counter(found).most_common(EXAMPLES) if value]
        for remark in self.remarks:
            if (remark.file, remark.what) == (file, what):
                remark.count += len(found)
                new = [kind for kind in kinds if kind not in remark.examples]
                remark.examples = (remark.examples + new)[:EXAMPLES]
                return
        self.remarks.append(Remark(file, what, len(found), kinds))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)


def decoded(file: Path, report: LoadReport) -> str:
    """Return a file's text: UTF-8 or UTF-16 with or without mark, else Windows-1252.

    Raises `ConfigurationError` for a file that is not there, `SourceError` for one that is no text.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            _("There is no file {file}.").format(file=file.name)
            if isinstance(error, FileNotFoundError)
            else _("{file} cannot be read: {reason}").format(file=file.name, reason=error.strerror),
            hint=_("The mapping names this file; it is looked for in {folder}.").format(
                folder=file.parent
            ),
        ) from None
    try:
        if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = raw.decode("utf-16")
        else:
            text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
        report.note(file.name, _("not UTF-8; read as Windows-1252"), [""])
    if "\0" in text:
        raise SourceError(_("{file} is not a CSV file.").format(file=file.name))
    return text


def read_rows(file: Path, columns: dict[str, str], report: LoadReport) -> list[Row]:
    """Return a file's rows by role (role → column); says what was not taken.

    The separator is the most frequent of ``, ; tab |`` in the first line. Raises
    `ConfigurationError` for a column that the file lacks, `SourceError` for a file that is empty
    or broken.
    """
    text = decoded(file, report)
    head = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",;\t|", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    name = file.name
    try:
        present = [cell.strip() for cell in next((row for row in reader if row), [])]
        if not present:
            raise SourceError(_("{file} is empty.").format(file=name))
        missing = [column for column in columns.values() if column not in present]
        if missing:
            raise ConfigurationError(
                _("{file} has no column {names}.").format(file=name, names=", ".join(missing)),
                hint=_("Its columns: {names}").format(names=", ".join(present)),
            )
        places = {role: present.index(column) for role, column in columns.items()}
        rows: list[Row] = []
        longer, shorter, blank = [], [], 0
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                blank += 1
                continue
            if len(cells) > len(present):
                longer.append(_("line {line}").format(line=reader.line_num))
            elif len(cells) < len(present):
                shorter.append(_("line {line}").format(line=reader.line_num))
                cells += [""] * (len(present) - len(cells))
            rows.append({role: cells[place].strip() for role, place in places.items()})
    except csv.Error as error:
        raise SourceError(
            _("{file}, line {line}: {reason}").format(file=name, line=reader.line_num, reason=error)
        ) from None
    unused = [column for column in present if column not in columns.values()]
    report.note(name, _("columns that the mapping does not use"), unused)
    twice = [column for column, n in Counter(present).items() if n > 1]
    report.note(name, _("the same column again; the first one is read"), twice)
    report.note(name, _("more cells than columns; the rest is not read"), longer)
    report.note(name, _("fewer cells than columns; the rest is empty"), shorter)
    report.note(name, _("blank lines"), [""] * blank)
    if not rows:
        report.note(name, _("no rows"), [""])
    return rows


def other_files(directory: Path, known: set[str], report: LoadReport) -> None:
    """Say which CSV files of the folder the mapping does not name."""
    for file in sorted(directory.glob("*.csv")):
        if file.name not in known:
            report.note(file.name, _("a file that the mapping does not name; not read"), [""])


def read_number(text: str, decimal: str) -> float | None:
    """Amount of a text with ``decimal`` as its decimal mark; None if it is no finite number.

    Spaces and the other mark group thousands; a currency sign may stand before or after.
    """
    plain = text.strip("€$£ \u00a0\u202f").removesuffix("CHF").removesuffix("EUR")
    for space in (" ", "\u00a0", "\u202f", "’", "'", "," if decimal == "." else "."):
        plain = plain.replace(space, "")
    try:
        value = float(plain.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_day(text: str, pattern: str | None) -> date | None:
    """Date of a text: ISO 8601 (a time of day may follow), or as ``pattern`` of strptime says.

    None if it is none, or of the calendar's first or last year, which stand for "never".
    """
    try:
        day = (
            datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a date of the portal
            if pattern
            else date.fromisoformat(text[:10])
        )
    except ValueError:
        return None
    return day if date.min.year < day.year < date.max.year else None
