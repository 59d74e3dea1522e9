"""The text of a CSV file that a user made."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import SourceError
from workbench.i18n import _, format_number

MEGABYTE = 1024 * 1024


def csv_text(file: Path, largest: int) -> str:
    """Return a UTF-8 file's text without its mark; raises `SourceError` for anything else.

    ``largest`` in bytes. A pipe is refused: it would be waited for.
    """
    try:
        if file.exists() and not file.is_file() and not file.is_dir():
            raise SourceError(_("{file} is not a CSV file.").format(file=file.name))
        if file.stat().st_size > largest:
            raise SourceError(
                _("{file} is too large: more than {n} MB.").format(
                    file=file.name, n=format_number(largest / MEGABYTE)
                ),
                hint=_("Check that it is the right file, or keep fewer rows in it."),
            )
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(
            _("{file} is not UTF-8 text.").format(file=file.name),
            hint=_("Export it again as CSV in UTF-8."),
        ) from None
    except OSError as error:
        raise SourceError(
            _("{file} cannot be read: {reason}").format(
                file=file.name, reason=error.strerror or error
            )
        ) from error
    if "\0" in text:
        raise SourceError(_("{file} is not a CSV file.").format(file=file.name))
    return text
