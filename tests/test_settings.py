"""Settings are those of this moment's environment, folder and files."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from workbench.settings import installation, settings


def test_a_variable_counts_from_when_it_is_set_until_it_is_not(monkeypatch: pytest.MonkeyPatch):
    assert settings().fiscal_year_start == 1
    monkeypatch.setenv("WORKBENCH_FISCAL_YEAR_START", "4")
    assert settings().fiscal_year_start == 4
    monkeypatch.setenv("workbench_fiscal_year_start", "7")
    monkeypatch.delenv("WORKBENCH_FISCAL_YEAR_START")
    assert settings().fiscal_year_start == 7
    monkeypatch.setenv("workbench_fiscal_year_start", "13")
    with pytest.raises(ValueError):
        settings()
    monkeypatch.delenv("workbench_fiscal_year_start")
    assert settings().fiscal_year_start == 1


def test_paths_follow_the_working_directory_and_the_stored_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        (folder / "notebooks").mkdir(parents=True)
        (folder / "parameters").mkdir()
        monkeypatch.chdir(folder)
        assert settings().project_dir == folder
    assert settings().home_dir == folders[1] / ".workbench" / "demo"
    settings().credentials_file.write_text("{}")
    assert settings().home_dir == folders[1] / ".workbench" / "portal"


def test_threads_that_name_the_installation_first_agree(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    at_once = Barrier(8)

    def named(_thread: int) -> str:
        at_once.wait()
        return installation()

    with ThreadPoolExecutor(8) as threads:
        for attempt in range(20):
            monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / str(attempt)))
            [name] = set(threads.map(named, range(8)))
            assert len(name) == 32
            assert [file.name for file in settings().home_dir.iterdir()] == ["installation"]
