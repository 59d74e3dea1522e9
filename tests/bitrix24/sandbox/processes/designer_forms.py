"""The designer's pages over HTTP, read as a browser reads them: fields by name, with values."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx


class _Reader(HTMLParser):
    """Collects the fields of every form; of two of a name, the last counts."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, dict[str, Any]] = {}
        self.labels: dict[str, str] = {}
        self._select = self._area = self._option = self._label = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "label" and given.get("for"):
            self._label = given["for"] or ""
        if tag in ("input", "select", "textarea") and name:
            self.fields[name] = {**given, "tag": tag, "options": {}, "chosen": [], "text": ""}
            self._select = name if tag == "select" else ""
            self._area = name if tag == "textarea" else ""
        if tag == "option" and self._select:
            self._option = given.get("value") or ""
            self.fields[self._select]["options"][self._option] = ""
            if "selected" in given:
                self.fields[self._select]["chosen"].append(self._option)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        if tag == "select":
            self._select = ""
        if tag == "label":
            self._label = ""

    def handle_data(self, data: str) -> None:
        if self._label:
            self.labels[self._label] = self.labels.get(self._label, "") + data
        if self._area:
            self.fields[self._area]["text"] += data
        elif self._select and data.strip():
            self.fields[self._select]["options"][self._option] += data


@dataclass
class Designer:
    """The designer of a portal in one language; ``text`` is the page that was read last."""

    base: str
    lang: str = "en"
    text: str = ""
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def get(self, path: str = "", **params: object) -> httpx.Response:
        """Open a page and read its fields."""
        url = f"{self.base}/sandbox/designer{path}"
        return self._read(httpx.get(url, params={"lang": self.lang, **params}))

    def _read(self, answer: httpx.Response) -> httpx.Response:
        reader = _Reader()
        reader.feed(answer.text)
        self.text, self.fields, self.labels = answer.text, reader.fields, reader.labels
        return answer

    def filled(self) -> dict[str, Any]:
        """What the page's fields hold, as a browser would send it."""
        values: dict[str, Any] = {}
        for name, one in self.fields.items():
            if one["tag"] == "select":
                first = next(iter(one["options"]), "")
                values[name] = one["chosen"] or ([] if "multiple" in one else [first])
            else:
                values[name] = one["text"] if one["tag"] == "textarea" else one.get("value") or ""
        return values

    def post(self, path: str, values: dict[str, Any], **params: object) -> httpx.Response:
        """Send a form; the page that comes back is read, if one does."""
        url = f"{self.base}/sandbox/designer{path}"
        return self._read(httpx.post(url, params={"lang": self.lang, **params}, data=values))

    def add(self, changes: dict[str, Any], **params: object) -> str:
        """Fill in a step's form and save it; returns the process's number."""
        self.get("/step", **params)
        answer = self.post("/step", {**self.filled(), **changes}, **params)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].split("/")[-1].split("?")[0]
