// What may be heard: a sound and a notification for who waits, each switched on by the operator on this device. Neither
// says more than that somebody waits. Of many pages one calls out; the choices are kept as 1 or 0.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const words = byId("hearing-words").dataset;
  const CHOICES = ["sound", "notice"];
  const chosen = (name) => localStorage.getItem(`wayline-${name}`) === "1";
  const say = (text) => {
    byId("cue").textContent = text;
    setTimeout(() => byId("cue").textContent === text && (byId("cue").textContent = ""), 8000);
  };

  // ---- The sounds are made here: a file would be one more thing to fetch.
  let context = null;
  const running = async () => {
    if (!("AudioContext" in window)) return false;
    context ??= new AudioContext();
    // On a page that was touched it may start, and a busy machine takes its time; on another one it may not.
    const patience = navigator.userActivation?.hasBeenActive ? 5000 : 300;
    if (context.state !== "running") await Promise.race([context.resume().catch(() => null), new Promise((done) => setTimeout(done, patience))]);
    return context.state === "running";
  };
  const tone = (at, hertz, seconds, loud, type) => {
    const source = context.createOscillator(), volume = context.createGain(), start = context.currentTime + at;
    source.type = type;
    source.frequency.value = hertz;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(loud, start + 0.02);
    volume.gain.setValueAtTime(loud, start + seconds - 0.06);
    volume.gain.linearRampToValueAtTime(0, start + seconds);
    source.connect(volume).connect(context.destination);
    source.start(start);
    source.stop(start + seconds);
  };
  const SOUNDS = {
    // Somebody in danger: three rising pairs, so that it is known from the next room.
    danger: () => [0, 1.1, 2.2].forEach((at) => [[0, 660], [0.22, 880], [0.44, 660], [0.66, 880]].forEach(([more, hertz]) => tone(at + more, hertz, 0.2, 0.22, "triangle"))),
    call: () => [[0, 523], [0.28, 784]].forEach(([at, hertz]) => tone(at, hertz, 0.26, 0.16, "sine")),
    mine: () => tone(0, 440, 0.18, 0.06, "sine"),
  };
  const play = async (kind) => {
    if (await running()) SOUNDS[kind]();
    else say(words.mute);
  };

  const notify = () => {
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    const shown = new Notification(document.body.dataset.name, { body: words.body, tag: "wayline", renotify: true, silent: true });
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
  };

  // ---- The switches, in the bar and in "Me".
  const draw = () => {
    for (const name of CHOICES) {
      for (const button of document.querySelectorAll(`[data-hearing=${name}]`)) {
        button.hidden = name === "notice" ? !("Notification" in window) : !("AudioContext" in window);
        button.setAttribute("aria-checked", String(chosen(name)));
      }
    }
  };
  document.addEventListener("click", async (event) => {
    const name = event.target.closest?.("[data-hearing]")?.dataset.hearing;
    if (!name) return;
    let on = !chosen(name);
    if (on && name === "notice" && (await Notification.requestPermission()) !== "granted") {
      on = false;
      say(words.denied);
    }
    localStorage.setItem(`wayline-${name}`, on ? "1" : "0");
    draw();
    if (on && name === "sound") play("call"); // how loud it is here
  });
  addEventListener("storage", draw);
  document.addEventListener("wayline:returned", draw);
  draw();

  // ---- Which calls are new. Pages of one browser share what was called out, as numbers that say nothing.
  // A mark that is gone is kept for a while: a page that is late knows less than the one before it.
  const KEY = "wayline-called", MEMORY = 120;
  const number = (mark) => {
    let sum = 2166136261;
    for (const char of mark) sum = Math.imul(sum ^ char.charCodeAt(0), 16777619) >>> 0;
    return sum.toString(36);
  };
  const marks = (name) => byId("count").dataset[name].split(" ").filter(Boolean);
  // Under the eyes of who works in it, a case needs no sound.
  const inSight = (mark) => document.hasFocus() && document.querySelector("[data-case]")?.dataset.case === mark.split(".")[0];
  const fresh = () => {
    const kept = localStorage.getItem(KEY), now = Math.floor(Date.now() / 1000);
    const before = new Map((kept ?? "").split(" ").filter(Boolean).map((one) => one.split(":")));
    const calls = marks("calls"), mine = marks("mine");
    const after = new Map([...before].filter(([, at]) => now - at < MEMORY));
    for (const mark of [...calls, ...mine]) after.set(number(mark), now);
    localStorage.setItem(KEY, [...after].map((one) => one.join(":")).join(" "));
    if (kept === null) return {}; // the first page of this browser: what is there was there
    const called = calls.filter((mark) => !before.has(number(mark)));
    return {
      called: called.length > 0,
      danger: called.some((mark) => mark.startsWith("!")),
      mine: mine.some((mark) => !before.has(number(mark)) && !inSight(mark)),
    };
  };
  let shown = null;
  const hear = async () => {
    const state = byId("count").dataset.calls + "|" + byId("count").dataset.mine;
    if (state === shown) return;
    shown = state;
    // The page that somebody looks at comes first; one that may not sound leaves it to one that may.
    const late = (document.hasFocus() ? 0 : 150) + (chosen("sound") && !(await running()) ? 1000 : 0);
    if (late) await new Promise((done) => setTimeout(done, late));
    const news = await navigator.locks.request("wayline-hearing", fresh);
    if (news.called || news.mine) {
      if (chosen("sound")) play(news.danger ? "danger" : news.called ? "call" : "mine");
      if (chosen("notice") && (news.called || document.hidden)) notify();
    }
  };
  document.addEventListener("htmx:afterSwap", hear);
  hear();
})();
