"""Charts that live in a page: Altair's widget, without a request to another host.

Altair's own offline mode sends its 900 KB of JavaScript with every chart and needs a second to
bundle them in every kernel. Here one `Runtime` per page carries the bundle, kept in the user's
cache folder, and each chart waits for it.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import altair as alt
import anywidget
import platformdirs
import traitlets
import vl_convert
from altair.jupyter.jupyter_chart import load_js_src

from workbench.i18n.directions import straight_all
from workbench.views import theme

# Whoever comes first makes the gate; the bundle opens it, the charts wait at it.
GATE = """
const gate = (globalThis.workbenchCharts ??= (() => {
  let open;
  const ready = new Promise((resolve) => { open = resolve; });
  return { ready, open };
})());
"""

BUNDLED = GATE + "gate.open({ vegaEmbed, lodashDebounce });\n"

# A model that is not there after two seconds is deaf to its kernel for good (anywidget), so nobody
# waits here, and no chart before it is drawn.
RUNTIME = """
function initialize({ model }) {
  const bundle = new Blob([model.get("bundle")], { type: "text/javascript" });
  const place = URL.createObjectURL(bundle);
  import(place).finally(() => URL.revokeObjectURL(place));

  const follow = () => {
    const query = model.get("query");
    if (query && model.get("in_address")) {
      const address = new URL(globalThis.location.href);
      for (const [name, value] of Object.entries(query)) {
        value === null ? address.searchParams.delete(name) : address.searchParams.set(name, value);
      }
      globalThis.history.replaceState(globalThis.history.state, "", address);
    }
  };
  model.on("change:query", follow);

  // ipywidgets shows a slider's label without tying it to the handle that takes the keyboard.
  const label = () => {
    const handles = ".widget-slider [role=slider]:not([aria-label])";
    for (const handle of document.querySelectorAll(handles)) {
      const text = handle.closest(".widget-slider")?.querySelector(".widget-label")?.textContent;
      if (text) handle.setAttribute("aria-label", text);
    }
  };
  label();
  new MutationObserver(label).observe(document.body, { childList: true, subtree: true });
}
export default { initialize, render() {} };
"""

# A chart is as wide as its place, and follows it.
FITTED = (
    f"""
const NARROW = {theme.NARROW};
const NARROW_CONFIG = {json.dumps(theme.NARROW_CONFIG)};
"""
    + """
let lodashDebounce;
const widthOf = (el) => Math.floor(el.getBoundingClientRect().width);
const vegaEmbed = async (el, spec, options) => {
  const charts = await gate.ready;
  lodashDebounce = charts.lodashDebounce;
  el.classList.add("wb-chart-live");
  const fluid = typeof spec.width === "number";
  if (fluid && widthOf(el) > 200) spec.width = widthOf(el);
  if (fluid && widthOf(el) < NARROW) {
    spec.config = { ...spec.config };
    for (const [part, settings] of Object.entries(NARROW_CONFIG)) {
      spec.config[part] = { ...spec.config[part], ...settings };
    }
  }
  const result = await charts.vegaEmbed(el, spec, options);
  if (fluid) {
    let shown = spec.width;
    const watcher = new ResizeObserver(() => {
      const width = widthOf(el);
      if (width > 200 && Math.abs(width - shown) > 4) {
        shown = width;
        result.view.width(width).runAsync();
      }
    });
    watcher.observe(el);
    const finalize = result.finalize.bind(result);
    result.finalize = () => { watcher.disconnect(); finalize(); };
  }
  return result;
};
"""
)


class Runtime(anywidget.AnyWidget):
    """The JavaScript of all charts of a page, and its address.

    ``query`` holds the filters; with ``in_address`` they are written into the page's address.
    """

    _esm = RUNTIME
    bundle = traitlets.Unicode().tag(sync=True)
    query = traitlets.Dict().tag(sync=True)
    in_address = traitlets.Bool(False).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(bundle=chart_bundle(), **traits)


class LiveChart(alt.JupyterChart):
    """A chart of a page; needs a `Runtime` in the same page."""

    _esm = (
        GATE
        + FITTED
        + "".join(
            line + "\n" for line in load_js_src().split("\n") if not line.startswith("import ")
        )
    )

    @traitlets.validate("spec")
    def _labels_read_straight(self, proposal: Any) -> Any:
        return straight_all(proposal["value"])


@cache
def chart_bundle() -> str:
    """Return what draws charts as one self-contained JavaScript module."""
    file = _cache_file(BUNDLED)
    try:
        return file.read_text("utf-8")
    except OSError:
        pass
    vega_lite = "_".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    script = vl_convert.javascript_bundle(BUNDLED, vl_version=vega_lite)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}")
        unfinished.write_text(script, "utf-8")
        unfinished.replace(file)
    except OSError:  # a read-only home costs a second per kernel, no more
        pass
    return script


def _cache_file(snippet: str) -> Path:
    key = "\n".join((version("vl-convert-python"), alt.SCHEMA_VERSION, snippet))
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("workbench")) / f"charts-{digest}.js"
