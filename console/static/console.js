// Every page: shortcuts, windows, ticking times, and the watch that signs out an abandoned console.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const language = document.documentElement.lang;

  // htmx keeps the page's path even where it keeps no history; a case's is nobody's business after us.
  document.addEventListener("DOMContentLoaded", () => sessionStorage.removeItem("htmx-current-path-for-history"));

  // ---- Waiting times tick. The page's clock may be wrong: what counts is how far it is from the server's Date header.
  let skew = 0;
  document.addEventListener("htmx:afterOnLoad", (event) => {
    const date = Date.parse(event.detail.xhr.getResponseHeader("Date") || "");
    if (date) skew = date - Date.now();
  });
  const unit = (number, name) =>
    new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "short" }).format(number);
  const ago = (minutes) => {
    const hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
    if (days) return `${unit(days, "day")} ${unit(hours % 24, "hour")}`;
    return hours ? `${unit(hours, "hour")} ${unit(minutes % 60, "minute")}` : unit(minutes, "minute");
  };
  const tick = () => {
    for (const element of document.querySelectorAll("time.ago")) {
      const text = ago(Math.max(0, Math.floor((Date.now() + skew - Date.parse(element.dateTime)) / 60000)));
      if (element.textContent !== text) element.textContent = text;
    }
  };
  setInterval(tick, 5000);

  // ---- Windows
  // A window gives the focus back to what opened it; news may have drawn that anew.
  const openers = new Map();
  document.addEventListener("close", (event) => {
    const now = document.activeElement;
    if (now === document.body || event.target.contains(now)) byId(openers.get(event.target.id))?.focus();
  }, { capture: true });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]"), closer = event.target.closest("[data-close]");
    if (opener) {
      byId(opener.dataset.open).showModal();
      openers.set(opener.dataset.open, opener.id);
    }
    if (closer) closer.closest("dialog").close();
  });

  // Pressed twice, "Take next" must not take two.
  let taking = false;
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.take")) return;
    if (taking) event.preventDefault();
    taking = true;
  });

  // ---- Shortcuts: single letters, never while typing, and all off for whoever switched them off (WCAG 2.1.4).
  const single = () => localStorage.getItem("wayline-keys") !== "0";
  const drawKeys = () => document.querySelectorAll("[data-keys]").forEach((box) => (box.checked = single()));
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-keys]")) return;
    localStorage.setItem("wayline-keys", event.target.checked ? "1" : "0");
    drawKeys();
  });
  drawKeys();
  const go = (path) => () => location.assign(path);
  const press = (id) => () => byId(id) && byId(id).click();
  const to = (path) => () => document.querySelector(`.bar a[href="${path}"]`) && location.assign(path); // not for every role
  const second = { q: go("/"), c: go("/cases"), s: go("/search"), a: to("/audit"), b: to("/board"), m: go("/me") };
  let first = 0; // when "g" was pressed
  const keys = {
    g: () => (first = Date.now()),
    n: () => (byId("next") ? byId("next").click() : go("/next")()), // in the queue it takes, elsewhere it shows
    q: go("/"),
    c: () => (byId("claim") || document.querySelector(".case.waiting button"))?.click(),
    r: () => byId("text")?.focus(),
    e: press("end"),
    h: press("hand-on"),
    p: press("pause"),
    b: () => document.dispatchEvent(new Event("wayline:newest")),
    "?": () => byId("keys").showModal(),
  };
  // News may shut the field in which somebody types: the rest of their sentence is no list of shortcuts.
  const PAUSE = 1500;
  let typed = 0;
  document.addEventListener("pointerdown", () => (typed = 0));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select");
    if (event.key === "Escape" && typing) event.target.blur();
    const midway = !typing && Date.now() - typed < PAUSE;
    if (["Escape", "Tab"].includes(event.key)) typed = 0;
    else if (typing || midway) typed = Date.now();
    if (midway || typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    // By the key's place where the layout has other letters there: Ukrainian and Arabic keyboards have no "n".
    const latin = /^[a-z?]$/i.test(event.key) ? event.key : event.key === "؟" ? "?" : event.code.replace(/^Key/, "");
    if (!single()) return;
    const action = (Date.now() - first < 2000 ? second : keys)[latin.toLowerCase()];
    first = 0;
    if (action) {
      event.preventDefault();
      action();
    }
  });

  // ---- Idle: a hand on the keyboard keeps the session, an open page does not. The server hears of it within
  // `step`; pages of one browser share a session, so they tell each other.
  const allowed = Number(document.body.dataset.idle) * 1000, warning = 2 * 60 * 1000, step = 30 * 1000;
  const others = new BroadcastChannel("wayline");
  const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  // Whoever has a draft (draft.js) keeps the page; every other one shows the way in.
  const ended = () => document.dispatchEvent(new Event("wayline:ended", { cancelable: true })) && location.reload();
  document.addEventListener("wayline:returned", () => (told = Date.now()));
  const idle = byId("idle");
  let told = Date.now(), coming = null;
  const tell = async () => {
    const answer = await fetch("/active", { method: "POST", headers: { "X-CSRFToken": token() } }).catch(() => null);
    coming = null;
    if (answer?.status === 401) ended();
    if (!answer?.ok) return;
    told = Date.now();
    others.postMessage("active");
    if (byId("away")) htmx.trigger(document.body, "desk"); // no longer
  };
  const active = () => {
    coming ??= setTimeout(tell, Math.max(0, told + step - Date.now()));
  };
  others.onmessage = () => {
    told = Date.now();
    idle.close();
  };
  others.postMessage("active"); // this page came from the server: somebody is signed in
  for (const name of ["keydown", "pointerdown", "wheel", "touchstart"]) {
    document.addEventListener(name, () => idle.open || active(), { passive: true });
  }
  idle.addEventListener("close", active);
  setInterval(() => {
    const left = told + allowed - Date.now();
    if (left < 0) ended();
    else if (left < warning && !idle.open && !coming) idle.showModal();
  }, 5000);
})();
