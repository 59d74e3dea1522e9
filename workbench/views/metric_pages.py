"""The help page of the metrics: every definition in words, without anything from elsewhere."""

from __future__ import annotations

from html import escape
from pathlib import Path

from workbench.i18n import LANGUAGES, _, use_language
from workbench.metrics import catalogue
from workbench.metrics.catalogue import Definition, leaves, models
from workbench.metrics.facts import facts
from workbench.views.document import LANGUAGE_NAMES, document

OWN_STYLE = """
.wb-metrics { max-width: 60rem; }
.wb-metrics nav ul { columns: 16rem; padding-left: 1.1rem; }
.wb-metrics section { border-top: 1px solid var(--wb-rule); padding: 0.5rem 0; }
.wb-metrics section { scroll-margin-top: 5rem; }
.wb-metrics h3 code { font-weight: 400; font-size: 0.8em; color: var(--wb-muted); }
.wb-metrics dl { display: grid; grid-template-columns: minmax(8rem, 12rem) 1fr; gap: 0.3rem 1rem; }
.wb-metrics dt { color: var(--wb-muted); }
.wb-metrics dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { .wb-metrics dl { grid-template-columns: 1fr; } }
"""


def metrics_html() -> str:
    """Return the body of the page in the language of the moment: contents, then each metric."""
    contents, sections = [], []
    for heading, group in _groups():
        links = "".join(
            f'<li><a href="#{metric.id}">{escape(str(metric.title))}</a></li>' for metric in group
        )
        contents.append(f"<h3>{escape(heading)}</h3><ul>{links}</ul>")
        sections.append(f"<h2>{escape(heading)}</h2>" + "".join(_section(m) for m in group))
    lead = _("Each figure has one definition, used everywhere: {n} of them.").format(
        n=len(catalogue())
    )
    title, listed = escape(_("Metrics")), escape(_("Contents"))
    return (
        f'<style>{OWN_STYLE}</style><div class="wb-metrics"><h1>{title}</h1>'
        f'<p>{escape(lead)}</p><nav aria-label="{listed}">{"".join(contents)}</nav>'
        f"{''.join(sections)}</div>"
    )


def _groups() -> list[tuple[str, list[Definition]]]:
    """Return the metrics by what they count first: (what one row is, metrics by title)."""
    found: dict[str, list[Definition]] = {}
    for metric in catalogue().values():
        grain = str(models()[str(leaves(metric)[0].model)].grain)
        found.setdefault(grain, []).append(metric)
    return [
        (_("Counted: {what}").format(what=grain), sorted(group, key=lambda m: str(m.title)))
        for grain, group in found.items()
    ]


def _section(metric: Definition) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts(metric).items()
    )
    title = escape(str(metric.title))
    return (
        f'<section id="{metric.id}"><h3>{title} <code>{metric.id}</code></h3>'
        f"<dl>{rows}</dl></section>"
    )


def write_pages(folder: Path) -> list[Path]:
    """Write ``metrics.fr.html`` and ``metrics.en.html``, which lead to each other.

    Each holds its style. Returns the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for code in LANGUAGES:
        with use_language(code):
            others = "".join(
                f'<a href="metrics.{other}.html" lang="{other}" hreflang="{other}">'
                f"{LANGUAGE_NAMES[other]}</a>"
                for other in LANGUAGES
                if other != code
            )
            page = document(_("Metrics"), f"<p>{others}</p>{metrics_html()}")
        file = folder / f"metrics.{code}.html"
        file.write_text(page, "utf-8")
        files.append(file)
    return files
