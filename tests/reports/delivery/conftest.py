"""A finished run with figures, a chart and a table, and a mail server to send it through."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import pytest
from made_run import made_run
from mail_server import MailServer, mail_server
from small_project import HELLO, SmallProject

from workbench.i18n import use_language
from workbench.reports.record import RunRecord
from workbench.reports.workbook import write_workbook
from workbench.views.contents import ChartContent, FiguresContent
from workbench.views.figures import Figure
from workbench.views.panel import Setting, still_html
from workbench.views.tables import Column

SOURCE = {
    "portal": "atelier.example",
    "snapshot": "20261102T060000Z-abc123",
    "as_of": "2026-11-02T05:00:00+00:00",
    "timezone": "Europe/Paris",
    "currency": "EUR",
}
MakeRun = Callable[..., RunRecord]


@pytest.fixture
def mails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with mail_server(tmp_path) as server:
        for name, value in server.settings().items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def finished_run(project: SmallProject) -> MakeRun:
    """Make a run of a report that delivers as told, as if its page had just been executed."""

    def make(
        deliver: list[dict[str, Any]],
        *,
        value: float = 1234567.5,
        day: int = 2,
        outcome: str = "succeeded",
        language: str = "fr",
    ) -> RunRecord:
        project.report("ventes", HELLO, deliver=deliver)
        moment = datetime(2026, 11, day, 6, tzinfo=UTC)
        record = made_run(
            "ventes",
            moment,
            title="Ventes de l’équipe",
            outcome=outcome,
            parameters={"period": "last_month"},
            periods={"period": {"start": "2026-10-01", "end": "2026-11-01", "label": "oct. 2026"}},
            snapshot=SOURCE["snapshot"],
            as_of=moment,
            timezone="Europe/Paris",
            portal=SOURCE["portal"],
            language=language,
            finished_at=moment,
            result={"value": value, "summary": "Chiffre d’affaires gagné, oct. 2026\u202f: bien."},
        )
        with use_language("en" if language == "en" else "fr"):
            setting = Setting("EUR", "Europe/Paris", record.folder, "atelier.example", SOURCE)
            figures = [
                Figure("won_revenue", "Chiffre d’affaires <gagné>", value, "money", before=1e6),
                Figure("deals_won", "Affaires gagnées", 42),
                Figure("romi", "ROMI", None, "ratio", status="not loaded"),
            ]
            still_html(FiguresContent(figures), "figures", setting)
            frame = pd.DataFrame({"manager": ["Alice", "=Bob"], "won": [3.5, 2.0]})
            chart = alt.Chart(frame).mark_bar().encode(x="won:Q", y="manager:N")
            columns = [Column("manager", "Responsable"), Column("won", "Gagné", "money")]
            content = ChartContent("Responsables", chart, "Alice mène <1>.", frame, columns)
            still_html(content, "managers", setting)
            (record.folder / "report.html").write_text("<p>page</p>")
            write_workbook(record.folder, record)
        return record

    return make
