"""The JavaScript of live charts: one bundle per page, no other host, kept between kernels."""

import re

import platformdirs
import pytest

from workbench.views import live


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda _name: str(tmp_path / "cache"))
    live.chart_bundle.cache_clear()
    yield tmp_path / "cache"
    live.chart_bundle.cache_clear()


def test_the_bundle_imports_nothing_and_is_kept(cache):
    script = live.chart_bundle()
    assert len(script) > 500_000
    assert not re.search(r"""(?:from|import)\s*\(?["']https?:""", script)
    (kept,) = cache.iterdir()
    assert kept.read_text("utf-8") == script
    kept.write_text("kept", "utf-8")
    live.chart_bundle.cache_clear()
    assert live.chart_bundle() == "kept"


def test_a_cache_that_cannot_be_written_is_done_without(cache):
    cache.write_text("a file where the folder should be")
    assert len(live.chart_bundle()) > 500_000


def test_a_chart_carries_the_waiting_code_only():
    assert len(live.LiveChart._esm) < 20_000
    assert "http" not in live.LiveChart._esm
    assert "gate.ready" in live.LiveChart._esm
