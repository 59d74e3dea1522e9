"""The help page of the metrics, in the frame of the dashboards."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup

from workbench.dashboards.pages import StillPage
from workbench.i18n import Language, _, use_language
from workbench.views.metric_pages import metrics_html


@cache
def body(code: Language) -> Markup:
    """Return the page's content in a language; definitions change only with the program."""
    with use_language(code):
        return Markup(metrics_html())  # noqa: S704 - built of escaped texts


class MetricHelp(StillPage):
    """Every metric in words."""

    def show_all(self) -> None:
        """Show the definitions."""
        with use_language(self.speaks):
            title = _("Metrics")
        self.show("help.html.j2", title=title, body=body(self.speaks))
