"""Segments: filters that have a name, one meaning for pages, reports and the command line.

They stand in ``parameters/segments.yml``, written in the language of `workbench.metrics.filters`:

    segments:
      large_open:
        title: {fr: Grandes affaires ouvertes, en: Large open deals}
        description: {fr: …, en: …}
        where: is_open and amount_base >= 10000

A new one is added to that file without touching the rest of it, its comments included; where the
folder cannot be written to, to ``segments.yml`` of the installation's state.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workbench.errors import ConfigurationError, QueryError, WorkbenchError
from workbench.i18n import _
from workbench.metrics.catalogue import Model, Text, models, suggest
from workbench.metrics.filters import Filter, parse_filter, write_filter
from workbench.metrics.user_fields import NAME as USER_FIELD
from workbench.settings import private_file, settings

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST = 500
LONGEST_TEXT = 400
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control characters, marks of direction, line breaks
FILE = "segments.yml"


class Entry(BaseModel):
    """What a file says of a segment; ``title`` and ``description`` in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text
    description: Text | None = None
    where: str = Field(min_length=1)

    @field_validator("title", "description")
    @classmethod
    def _printable(cls, value: Text | None) -> Text | None:
        for text in (value.fr, value.en) if value else ():
            if len(text) > LONGEST_TEXT or UNSEEN & {unicodedata.category(sign) for sign in text}:
                raise ValueError(_("one line of at most {n} characters").format(n=LONGEST_TEXT))
        return value


class Segment(Entry):
    """A named filter and the file that it stands in."""

    name: str
    file: Path

    @property
    def filter(self) -> Filter:
        """The parsed filter."""
        return _parsed(self.where)


@lru_cache(maxsize=MOST)
def _parsed(where: str) -> Filter:
    return parse_filter(where)


def segment_files() -> list[Path]:
    """Return the files that segments may stand in, the project's first."""
    files = [settings().parameters_dir / FILE, settings().pages_dir / FILE]
    older = settings().home_dir / FILE  # where earlier versions put them
    return [*files, older] if older.exists() and older not in files else files


def load_segments() -> dict[str, Segment]:
    """Return every segment by name, in the order of the files.

    Raises `ConfigurationError` (one line: file, segment, what is wrong).
    """
    found: dict[str, Segment] = {}
    for file in segment_files():
        for name, segment in _read(file).items():
            if name in found:
                raise ConfigurationError(
                    _("{file}: {name}: this segment is in {other}, too.").format(
                        file=file, name=name, other=found[name].file
                    ),
                    hint=_("Keep one of them."),
                )
            found[name] = segment
    return found


def segment(name: str) -> Segment:
    """Return one segment; an unknown name raises `QueryError` with the closest ones."""
    known = load_segments()
    if name not in known:
        raise QueryError(
            _("There is no segment “{name}”.").format(name=str(name)[:60]),
            hint=suggest(str(name), known) if known else _("`workbench segments save` makes one."),
        )
    return known[name]


def segment_filter(name: str | None) -> Filter | None:
    """Return the filter of a segment, None for none."""
    return segment(name).filter if name else None


def check_expression(where: str, known: Mapping[str, Model] | None = None) -> Filter:
    """Parse a segment's filter and check its names and kinds of values; return it.

    ``known``: the models of a snapshot; without it, the portal's own fields are taken on trust.
    """
    kept = parse_filter(where)
    own = {name for name in kept.names if USER_FIELD.fullmatch(name)} if known is None else set()
    records = [model.filterable() for model in (known or models()).values()]
    fitting = [columns for columns in records if kept.names - own <= columns.keys()]
    if not fitting:
        everything = {name for columns in records for name in columns}
        for name in sorted(kept.names - own - everything):
            raise QueryError(
                _("The filter names “{name}”, which is not known here.").format(name=name[:60]),
                hint=suggest(name, everything),
            )
        raise QueryError(
            _("No kind of record has all of: {names}.").format(names=", ".join(sorted(kept.names))),
            hint=_("Make two segments of it, one for each kind of record."),
        )
    if not own:
        write_filter(kept, fitting[0])
    return kept


def save_segment(
    name: str,
    where: str,
    title: str | Text = "",
    description: str | Text = "",
    *,
    replace: bool = False,
    known: Mapping[str, Model] | None = None,
) -> Segment:
    """Add a segment to the project's file, or to the state's where that cannot be written.

    A text for title or description counts for both languages; without a title, the name. With
    ``replace``, one of the same name is written anew where it stands. Raises `QueryError` for a
    name, text or filter that is not allowed; then nothing is written.
    """
    if not NAME.fullmatch(name):
        raise QueryError(
            _("“{name}” is not a name for a segment.").format(name=str(name)[:60]),
            hint=_("Small letters, digits and _, a letter first: large_open."),
        )
    check_expression(where, known)
    try:
        made = Entry(
            title=_text(title) or Text(fr=name, en=name),
            description=_text(description),
            where=" ".join(where.split()) if "'" not in where else where.strip(),
        )
    except ValidationError as problem:
        raise QueryError(_complaint(problem)) from None
    with _only_writer():
        there = load_segments()
        if name in there and not replace:
            raise QueryError(
                _("There is a segment “{name}” already.").format(name=name),
                hint=_("Take another name, or say that it is to be replaced."),
            )
        if len(there) >= MOST:
            raise QueryError(
                _("There are {n} segments already.").format(n=len(there)),
                hint=_("`workbench segments delete` takes one out."),
            )
        files = [there[name].file] if name in there else segment_files()
        for file in files:
            try:
                _write(file, name, made)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                    raise
                continue
            return Segment(**dict(made), name=name, file=file)
    raise WorkbenchError(
        _("{file} cannot be written.").format(file=files[-1]),
        hint=_("Check who may write to it."),
    )


def delete_segment(name: str) -> Path:
    """Take a segment out of its file; return the file. Raises `QueryError` for an unknown one."""
    with _only_writer():
        file = segment(name).file
        _write(file, name, None)
    return file


def _text(given: str | Text) -> Text | None:
    if isinstance(given, Text):
        return given
    text = given.strip()
    return Text(fr=text, en=text) if text else None


def _read(file: Path) -> dict[str, Segment]:
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise ConfigurationError(_("{file}: not a text in UTF-8.").format(file=file)) from None
    return _content(text, file)


@lru_cache(maxsize=16)
def _content(text: str, file: Path) -> dict[str, Segment]:
    """Read the text of a file; every segment in it is checked."""
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        raise ConfigurationError(
            _("{file}, line {line}: this is not YAML.").format(
                file=file, line=mark.line + 1 if mark else 1
            )
        ) from None
    if raw is None:
        return {}
    listed = raw.get("segments") if isinstance(raw, dict) else None
    if listed is None and isinstance(raw, dict) and set(raw) == {"segments"}:
        return {}
    if not isinstance(listed, dict) or set(raw) != {"segments"} or len(listed) > MOST:
        raise ConfigurationError(
            _("{file}: expected one key, “segments”, with a segment under each name.").format(
                file=file
            )
        )
    found = {}
    for name, content in listed.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigurationError(
                _("{file}: “{name}” is not a name for a segment.").format(
                    file=file, name=str(name)[:60]
                ),
                hint=_("Small letters, digits and _, a letter first: large_open."),
            )
        try:
            entry = Entry.model_validate(content)
            check_expression(entry.where)
        except ValidationError as problem:
            raise ConfigurationError(f"{file}: {name}: {_complaint(problem)}") from None
        except QueryError as problem:
            raise ConfigurationError(
                f"{file}: {name}: where: {problem.message}", hint=problem.hint
            ) from None
        found[name] = Segment(**dict(entry), name=name, file=file)
    return found


def _complaint(problem: ValidationError) -> str:
    first = problem.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "value_error":
        return f"{key}: {first['ctx']['error']}"
    return f"{key}: {first['msg']}"


@contextmanager
def _only_writer() -> Iterator[None]:
    """Let one process at a time read, change and write the files."""
    with private_file(settings().pages_dir / "segments.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(file: Path, name: str, made: Entry | None) -> None:
    """Put a segment into a file, or take it out; what stands around it stays as it is."""
    old = file.read_text("utf-8") if file.exists() else ""
    kept = _without(old, name)
    new = kept.rstrip("\n") + "\n" if made is None else _with(kept, name, made)
    expected = {n: (s.title, s.description, s.where) for n, s in _content(old, file).items()}
    expected.pop(name, None)
    if made is not None:
        expected[name] = (made.title, made.description, made.where)
    written = {n: (s.title, s.description, s.where) for n, s in _content(new, file).items()}
    if written != expected:
        raise ConfigurationError(
            _("{file} is written in a way that cannot be changed by itself.").format(file=file),
            hint=_("Change it by hand: one segment under each name, indented by two spaces."),
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8") as out:
            out.write(new)
            out.flush()
            os.fsync(out.fileno())
        if file.exists():
            unfinished.chmod(file.stat().st_mode & 0o777)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _without(text: str, name: str) -> str:
    """Take out the lines of a segment: from its key to the next line that is indented as little."""
    lines, kept, inside = text.splitlines(keepends=True), [], False
    for line in lines:
        if re.match(rf"  (['\"]?){re.escape(name)}\1:", line):
            inside = True
        elif inside and re.match(r" {0,2}[^ \n]", line):
            inside = False
        if not inside:
            kept.append(line)
    return "".join(kept)


def _with(text: str, name: str, made: Entry) -> str:
    """Add the lines of a segment at the end."""
    content: dict[str, Any] = {"title": made.title.model_dump()}
    if made.description is not None:
        content["description"] = made.description.model_dump()
    content["where"] = made.where
    block = yaml.safe_dump({name: content}, allow_unicode=True, sort_keys=False, width=96)
    if yaml.safe_load(block) != {name: content}:  # a next-line character would be read as a space
        block = yaml.safe_dump({name: content}, sort_keys=False, width=96)
    indented = re.sub(r"(?m)^(?=.*\S)", "  ", block)
    if not yaml.safe_load(text):
        text = re.sub(r"(?m)^segments:.*\n?", "", text) + "segments:\n"
    elif yaml.safe_load(text) == {"segments": None}:
        text = re.sub(r"(?m)^segments:.*$", "segments:", text)
    return text.rstrip("\n") + "\n" + ("" if text.endswith("segments:\n") else "\n") + indented
