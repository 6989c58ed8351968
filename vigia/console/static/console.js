// Live news, keys and choosing of rows. Every page works without this file.
"use strict";
(() => {
  const news = document.getElementById("news");
  const address = document.body.dataset.events;
  let source = null;
  let fresh = 0;
  let newest = null;

  // A browser opens six connections to one server, so one tab of all has the stream and tells the others. Where a browser
  // has no locks, each visible tab has its own.
  const others = "BroadcastChannel" in window ? new BroadcastChannel("vigia-alarms") : null;
  const shares = Boolean(others && navigator.locks);
  const take = (alarm) => {
    if (alarm.type !== "alarm.raised" || alarm.severity === "info") return;
    fresh += 1;
    newest = alarm;
    tell();
  };
  if (others) others.onmessage = (event) => take(event.data);
  const connect = () => {
    if (!address || source || (document.hidden && !shares)) return;
    source = new EventSource(address);
    source.addEventListener("alarm", (event) => {
      if (event.lastEventId) sessionStorage.setItem("seen", event.lastEventId);
      let alarm;
      try { alarm = JSON.parse(event.data); } catch { return; }
      if (shares) others.postMessage(alarm);
      take(alarm);
    });
    source.onerror = () => { if (source && source.readyState === EventSource.CLOSED) { disconnect(); say(news.dataset.lost); setTimeout(connect, 5000); } };
    source.onopen = () => { if (fresh) tell(); else say(""); };
  };
  const disconnect = () => { if (source) { source.close(); source = null; } };
  const say = (text) => { news.textContent = text; };
  const tell = () => {
    const link = document.createElement("a");
    link.href = fresh === 1 ? "/alarms/" + encodeURIComponent(newest.alarm_id) : "/alarms?sort=newest";
    link.textContent = fresh === 1 ? news.dataset.one : news.dataset.many.replace("{n}", fresh);
    news.replaceChildren(link);
  };
  if (shares) {
    navigator.locks.request("vigia-alarms", () => { connect(); return new Promise(() => {}); });  // until the tab is closed
  } else {
    document.addEventListener("visibilitychange", () => { if (document.hidden) disconnect(); else connect(); });
    window.addEventListener("pageshow", connect);
    connect();
  }
  window.addEventListener("pagehide", disconnect);

  // Keys: never while somebody types, and not with a modifier; they can be switched off.
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const link = (row) => row.querySelector("th a, a");
  const current = () => rows().findIndex((row) => row.contains(document.activeElement));
  const focus = (index) => { const all = rows(); const row = all[Math.max(0, Math.min(index, all.length - 1))]; if (row && link(row)) link(row).focus(); };
  const help = document.getElementById("help");
  const isOff = () => localStorage.getItem("keys") === "off";
  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) && at.type !== "checkbox") return;
    if (event.key === "?") { help.showModal(); event.preventDefault(); return; }
    if (isOff()) return;
    if (event.key === "j") focus(current() + 1);
    else if (event.key === "k") focus(Math.max(0, current() - 1));
    else if (event.key === "x") { const row = rows()[current()]; const box = row && row.querySelector("input[type=checkbox]"); if (box) box.checked = !box.checked; }
    else if (event.key === "/") { const search = document.getElementById("search"); if (!search) return; search.focus(); }
    else return;
    event.preventDefault();
  });
  document.getElementById("keys-off").addEventListener("click", () => localStorage.setItem("keys", isOff() ? "on" : "off"));
  document.addEventListener("change", (event) => {
    if (event.target.id !== "all") return;
    for (const box of document.querySelectorAll("input[name=alarm], input[name=letter]")) box.checked = event.target.checked;
  });

  // After an action the page is swapped: where the focus was stays, and the result is read out by its status line.
  document.addEventListener("htmx:afterSettle", () => {
    const said = document.querySelector("#said:not([hidden])");
    if (said) { const text = said.textContent; said.textContent = ""; setTimeout(() => { said.textContent = text; }, 50); }
  });
  document.addEventListener("htmx:sendError", () => say(news.dataset.lost));
})();
