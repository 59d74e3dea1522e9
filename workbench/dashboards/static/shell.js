// The frame around a dashboard: progress while cells run, lost sessions, links that keep filters.
"use strict";

const byId = (id) => document.getElementById(id);
const cells = byId("wb-cells");

// Links between pages and languages carry the filters of the moment, not those of the first view.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-keeps-filters], a[data-language]");
  if (!link) return;
  const query = new URLSearchParams(window.location.search);
  if (link.dataset.language) query.set("lang", link.dataset.language);
  link.search = query.toString();
});

// On a narrow screen the marked page may stand outside the scrolling navigation.
const current = document.querySelector(".wb-nav [aria-current]");
if (current) {
  const list = current.closest("ul");
  list.scrollLeft = current.offsetLeft - (list.clientWidth - current.offsetWidth) / 2;
}

if (cells) followDashboard(JSON.parse(byId("wb-texts").textContent));

function followDashboard(texts) {
  const observer = new MutationObserver(showProgress);
  observer.observe(cells, { childList: true });
  showProgress();

  // Voila's script sets this once it has rendered the outputs.
  let application;
  Object.defineProperty(window, "jupyterapp", {
    configurable: true,
    get: () => application,
    set: (value) => {
      application = value;
      showCells();
      value.widgetManagerPromise.promise.then((manager) => watch(manager.kernel));
    },
  });
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", checkComplete);
  } else {
    checkComplete();
  }

  // Errors of loading do not bubble, but they can be caught on the way down.
  document.addEventListener("error", (event) => event.target.tagName === "SCRIPT" && broken(), true);

  function showProgress() {
    const last = cells.querySelector(":scope > .wb-cell:last-of-type");
    if (!last) return;
    const { number, of } = last.dataset;
    byId("wb-step").textContent = texts.step.replace("{number}", number).replace("{of}", of);
    byId("wb-progress").value = number / of;
  }

  function showCells() {
    observer.disconnect();
    document.body.dataset.state = "ready";
    byId("content").removeAttribute("aria-busy");
    leaveLoading();
  }

  // Most notebooks bring their own heading; one that failed early does not.
  function leaveLoading() {
    clearInterval(stillThere);
    const loading = byId("wb-loading");
    if (!cells.querySelector("h1")) loading.before(loading.querySelector("h1"));
    loading.remove();
  }

  // A browser whose long answer is cut off in the middle waits on without a word.
  const stillThere = setInterval(async () => {
    const config = byId("jupyter-config-data");
    if (!config) return;
    const { kernelId } = JSON.parse(config.textContent);
    const answer = await fetch(`/api/kernels/${kernelId}`).catch(() => null);
    if (!answer?.ok && document.body.dataset.state === "loading") broken();
  }, 3000);

  // If it was cut off at its end, its last line is missing.
  function checkComplete() {
    if (!byId("wb-end")) broken();
  }

  function broken() {
    document.body.dataset.state = "broken";
    byId("content").removeAttribute("aria-busy");
    if (byId("wb-loading")) leaveLoading();
    banner(texts.broken, { reload: true });
  }

  function watch(kernel) {
    let lost = false;
    let waiting;
    const lose = () => {
      if (lost) return;
      lost = true;
      clearTimeout(waiting);
      document.body.dataset.state = "lost";
      banner(texts.lost, { reload: true });
    };
    kernel.statusChanged.connect((_kernel, status) => {
      if (status === "dead" || status === "autorestarting") lose();
    });
    kernel.connectionStatusChanged.connect((_kernel, status) => {
      if (lost) return;
      clearTimeout(waiting);
      if (status === "connected") {
        if (document.body.dataset.state === "offline") banner(texts.back, { forSeconds: 4 });
        document.body.dataset.state = "ready";
      } else if (status === "disconnected") {
        lose();
      } else {
        waiting = setTimeout(() => {
          document.body.dataset.state = "offline";
          banner(texts.offline);
        }, 1500);
      }
    });
    kernel.anyMessage.connect((_kernel, { msg, direction }) => {
      const failure = direction === "recv" && msg.metadata?.workbench?.failure;
      if (failure) {
        banner(`${texts.failed} ${texts.reference.replace("{id}", failure)}`, { reload: true });
      }
    });
    // Leaving the page ends its kernel. "beforeunload" also comes with a download, after which
    // the page lives on, so Voila's own listener for it is kept from running.
    window.addEventListener("pagehide", () => {
      navigator.sendBeacon(`/voila/api/shutdown/${kernel.id}`);
    });
  }

  function banner(text, { reload = false, forSeconds = 0 } = {}) {
    const place = byId("wb-banner");
    place.textContent = text;
    if (reload) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "wb-button";
      button.textContent = texts.reload;
      button.addEventListener("click", () => window.location.reload());
      place.append(" ", button);
    }
    place.hidden = false;
    if (forSeconds) setTimeout(() => (place.hidden = true), forSeconds * 1000);
  }
}

window.addEventListener("beforeunload", (event) => event.stopImmediatePropagation(), true);
