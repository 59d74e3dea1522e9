"""The PDF of a run: printed where there is a Chromium, told where there is none."""

import shutil
from pathlib import Path

import pytest
from pypdf import PdfReader
from small_project import HELLO, SmallProject

from workbench.errors import WorkbenchError
from workbench.reports import run_report
from workbench.reports.html import html
from workbench.reports.pdf import browser, write_pdf
from workbench.reports.record import read_record
from workbench.reports.verdict import read_notebook

needs_chromium = pytest.mark.skipif(browser() is None, reason="there is no Chromium here")


@pytest.mark.browser
@needs_chromium
def test_a_run_has_pages_with_title_number_and_origin_and_cuts_no_picture(project: SmallProject):
    picture = '<svg width="600" height="700"><text x="9" y="20">top{n}</text>'
    picture += '<text x="9" y="690">end{n}</text></svg>'
    show = "from IPython.display import SVG, display\n"
    show += f"for k in range(3): display(SVG({picture!r}.replace('{{n}}', str(k))))"
    project.report("tall", show, title={"fr": 'É "x" </style>', "en": 'É "x" </style>'}, pdf=True)
    record = run_report("tall", {"period": "2026-Q1"})
    assert (record.outcome, record.skipped) == ("succeeded", []), record.error
    assert record.timings.pdf and "report.pdf" in [file.path for file in record.files]
    pages = [page.extract_text() for page in PdfReader(record.folder / "report.pdf").pages]
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page
        assert 'É "x" </style> – Q1 2026' in page and "No portal data" in page
    for k in range(3):
        place = [number for number, page in enumerate(pages) if f"top{k}" in page]
        assert len(place) == 1 and f"end{k}" in pages[place[0]]


def test_without_chromium_the_run_passes_and_says_so(
    project: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    project.report("plain", HELLO)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(shutil.which("git") or "/bin/false")
    monkeypatch.setenv("PATH", str(programs))
    record = run_report("plain", pdf=True)
    assert record.outcome == "succeeded"
    assert record.skipped == ["PDF skipped: there is no Chromium on the PATH"]
    assert read_record(record.id).skipped == record.skipped
    assert not (record.folder / "report.pdf").exists()
    notebook = read_notebook(record.folder / "notebook.ipynb")
    assert notebook is not None and "</html>" in html(notebook, record)


def test_a_browser_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "chromium").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "chromium").chmod(0o755)
    (tmp_path / "report.html").write_text("<p>x</p>")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(WorkbenchError, match="3"):
        write_pdf(tmp_path)
