"""Charts as pictures: SVG to read in a page, PNG to send, the specification to keep.

vl-convert draws without a browser, and nothing is fetched: its own list of allowed addresses does
not hold for images, so specifications that ask for any address are refused here.
"""

from __future__ import annotations

import json
import re
import textwrap
from html import escape
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from workbench.i18n.directions import straight, straight_all
from workbench.views import locales, theme

# No address: a specification that asks for remote data or images gets nothing.
NO_ADDRESS: list[str] = []
LINE_LENGTH = 125  # characters of a subtitle that fit into `theme.WIDTH`


def specification(chart: alt.TopLevelMixin, *, description: str = "") -> dict[str, Any]:
    """Return the Vega-Lite specification with ``description`` as its text alternative.

    No name in it turns the direction of a label. Raises `ValueError` for a chart that would load
    data or images from an address.
    """
    spec: dict[str, Any] = straight_all(chart.to_dict())
    _refuse_addresses(spec)
    if description:
        spec["description"] = straight(description)
    return spec


def svg(spec: dict[str, Any], *, currency: str, title: str, description: str, key: str) -> str:
    """Draw ``spec`` as one ``<svg>`` element for a page.

    It is named by ``title`` and described by ``description`` (both plain text, escaped here);
    ``key`` makes the ids unique in the page. It scales with its container.
    """
    picture = _drawn(spec, currency)
    return _described(picture, title=title, description=description, key=key)


def narrowed(spec: dict[str, Any]) -> dict[str, Any] | None:
    """Return ``spec`` as it is drawn for a phone; None for a chart without a width of its own."""
    if not isinstance(spec.get("width"), int | float):
        return None
    config = dict(spec.get("config", {}))
    for part, settings in theme.NARROW_CONFIG.items():
        config[part] = {**config.get(part, {}), **settings}
    return {**spec, "width": theme.NARROW_WIDTH, "config": config}


def headed(spec: dict[str, Any], title: str, *lines: str) -> dict[str, Any]:
    """Return ``spec`` with its title and lines of text above it, for a picture that stands alone.

    ``lines`` (plain text) are broken where they are too long for the picture.
    """
    broken = [part for line in lines for part in textwrap.wrap(line, LINE_LENGTH)]
    return {**spec, "title": {"text": title, "subtitle": broken, "frame": "bounds"}}


def save(folder: Path, name: str, spec: dict[str, Any], *, currency: str) -> dict[str, Path]:
    """Write ``name.svg``, ``name.png`` and ``name.json`` (the ``spec``); return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {suffix: folder / f"{name}.{suffix}" for suffix in ("svg", "png", "json")}
    title = spec.get("title", {}).get("text", name)
    description = spec.get("description", "")
    picture = _drawn(spec, currency)
    told = _described(picture, title=title, description=description, key=name)
    paths["svg"].write_text(told, encoding="utf-8")
    paths["png"].write_bytes(vl_convert.svg_to_png(picture, scale=2.0))  # to look sharp
    paths["json"].write_text(json.dumps(spec, ensure_ascii=False, indent=1), encoding="utf-8")
    return paths


def _drawn(spec: dict[str, Any], currency: str) -> str:
    return vl_convert.vegalite_to_svg(
        spec,
        allowed_base_urls=NO_ADDRESS,
        format_locale=locales.format_locale(currency),
        time_format_locale=locales.time_format_locale(),
    )


def _refuse_addresses(node: Any) -> None:
    if isinstance(node, list):
        for each in node:
            _refuse_addresses(each)
    elif isinstance(node, dict):
        mark = node.get("mark")
        kind = mark.get("type") if isinstance(mark, dict) else mark
        data = node.get("data")
        if kind == "image" or (isinstance(data, dict) and "url" in data):
            raise ValueError("a chart must carry its data and draw no images")
        for key, value in node.items():
            if key not in ("datasets", "values"):
                _refuse_addresses(value)


def _described(picture: str, *, title: str, description: str, key: str) -> str:
    head, rest = picture.split(">", 1)
    box = re.search(r'viewBox="[^"]+"', head)
    width = re.search(r'\bwidth="([\d.]+)"', head)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box.group(0) if box else ""} '
        f'width="{width.group(1) if width else ""}" role="img" '
        f'aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">{escape(title)}</title>'
        f'<desc id="{key}-desc">{escape(description)}</desc>{rest}'
    )
