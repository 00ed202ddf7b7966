"use strict";
// The chat page. It shows what the server has, in order, and keeps a message until the server has it.
// What people write is inserted as text, never as markup, and nothing is kept in the browser's storage.
(() => {
  const FAST = 700, SLOW = 4000; // milliseconds between two looks for news
  const EAGER = 15000; // how long after the last news an answer is likely
  const PATIENCE = 10000; // a request that takes longer has failed
  const RETRY = [1000, 2000, 4000, 8000, 15000];
  const TYPES = 4000; // how often an operator is told that somebody types
  const OVERLAP = 5; // messages asked for again, in case two were stored in another order than numbered

  const outbox = []; // what the server does not surely have yet, oldest first
  let page, eagerUntil = 0, failures = 0, gone = false, closed = false, retryAt = 0;
  let working = false, again = false, timer = 0, looking = null, typing = false;
  let holder = "", typed = 0;

  const el = (id) => document.getElementById(id);

  // ---- What is on the page ---------------------------------------------------------------------------

  function bind() {
    page = { log: el("log"), list: el("messages"), typing: el("typing"), holder: el("holder"), notice: el("notice"),
      composer: el("composer"), text: el("text"), strings: JSON.parse(el("strings").textContent) };
    el("reload").hidden = true;
    page.list.querySelectorAll("time").forEach((time) => { time.textContent = clock(time.dateTime); });
    fit();
    if (known().length) toEnd(); // somebody new reads from the beginning
  }

  const items = () => [...page.list.children];
  const idOf = (item) => Number(item.dataset.id || 0);
  const known = () => items().map(idOf).filter(Boolean).sort((a, b) => a - b);

  function clock(iso) {
    const options = { hour: "2-digit", minute: "2-digit" };
    return new Date(iso).toLocaleTimeString(document.documentElement.lang, options);
  }

  function node(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function attached(file) {
    let made;
    if (file.kind === "image") {
      made = node("a", "file picture");
      const image = node("img");
      image.src = file.url;
      image.alt = page.strings.image;
      made.append(image);
    } else if (file.kind === "voice") {
      made = node("audio", "file");
      made.controls = true;
      made.preload = "none";
      made.src = file.url;
      made.setAttribute("aria-label", page.strings.voice);
      return made;
    } else {
      made = node("a", "file save", page.strings.document.replace("{name}", file.name));
      made.download = "";
    }
    made.href = file.url;
    return made;
  }

  function bubble(author, alias, text, time, files = []) {
    const item = node("li", "message " + author);
    const names = { me: page.strings.me, machine: page.strings.machine,
      person: page.strings.person.replace("{alias}", alias || page.strings.name) };
    const by = node("p", "by", names[author] + " ");
    by.append(node("time", "", clock(time)));
    item.append(by);
    if (text) {
      const words = node("p", "text", text);
      words.dir = "auto";
      item.append(words);
    }
    item.append(...files.map(attached));
    return item;
  }

  function offer(item, choices) {
    const group = node("div", "choices");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", page.strings.choose);
    choices.forEach((choice) => {
      const button = node("button", "", choice.title);
      button.type = "button";
      button.dir = "auto";
      button.value = choice.token;
      group.append(button);
    });
    item.append(group);
  }

  // Only the newest buttons work; a tap waits for its answer before the next.
  function settleChoices() {
    const groups = [...page.list.querySelectorAll(".choices")];
    const last = groups.pop();
    groups.forEach((group) => group.remove());
    const busy = (typing && holder !== "operator") || outbox.some((entry) => !entry.refused);
    if (last) last.querySelectorAll("button").forEach((button) => button.setAttribute("aria-disabled", busy));
  }

  function say(place, words) {
    if (place.textContent !== words) place.textContent = words;
  }

  const nearEnd = () => page.log.scrollHeight - page.log.scrollTop - page.log.clientHeight < 120;
  const toEnd = () => { page.log.scrollTop = page.log.scrollHeight; };

  function fit() {
    page.text.style.height = "auto";
    page.text.style.height = page.text.scrollHeight + 2 + "px";
  }

  // ---- What the server says --------------------------------------------------------------------------

  function place(message) {
    if (known().includes(message.id)) return null;
    const first = items()[0];
    if (first && first.dataset.id === "0" && message.author === "machine") {
      // The welcome that the page came with: now it is stored, and its buttons have tokens.
      first.dataset.id = message.id;
      first.querySelectorAll(".choices").forEach((group) => group.remove());
      if (message.choices.length) offer(first, message.choices);
      return null;
    }
    if (message.author === "me") {
      const sent = outbox.find((entry) => entry.shown === message.text && entry.tries > 0);
      if (sent) {
        settled(sent, message.id);
        return null;
      }
    }
    const item = bubble(message.author, message.alias, message.text, message.time, message.files);
    item.dataset.id = message.id;
    if (message.choices.length) offer(item, message.choices);
    const next = items().find((other) => !other.dataset.id || idOf(other) > message.id);
    page.list.insertBefore(item, next || null);
    return item;
  }

  function apply(news) {
    const erased = news.holder === "closed" && !closed;
    closed = news.holder === "closed";
    if (erased) return redraw("");
    if (!news.begun && known().length) return redraw(page.strings.gone);
    const follow = nearEnd();
    const made = news.messages.map(place).filter(Boolean);
    typing = news.typing;
    holder = news.holder;
    page.typing.hidden = !typing;
    settleChoices();
    say(page.holder, news.holder === "waiting" || news.holder === "operator" ? page.strings[news.holder] : "");
    if (typing || made.length) eagerUntil = Date.now() + EAGER;
    if (made.length && follow) {
      // A long answer is read from its beginning.
      toEnd();
      page.log.scrollTop = Math.min(page.log.scrollTop, made[0].offsetTop - page.log.offsetTop - 12);
    } else if (follow && typing) toEnd();
    const other = news.begun && news.language !== document.documentElement.lang;
    return other && !outbox.length ? redraw("") : null;
  }

  // The server draws the page anew: in another language, or empty after the conversation was erased.
  async function redraw(words) {
    const answer = await ask("/chat", {});
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const draft = page.text.value, writing = document.activeElement === page.text;
    document.documentElement.lang = fresh.documentElement.lang;
    document.documentElement.dir = fresh.documentElement.dir;
    document.body.replaceWith(document.adoptNode(fresh.body));
    bind();
    page.list.append(...outbox.filter((entry) => entry.refused).map((entry) => entry.item)); // the server has them not
    page.text.value = draft;
    fit();
    say(page.notice, words);
    gone = Boolean(words);
    (writing ? page.text : page.log).focus();
  }

  async function ask(path, options) {
    const stop = new AbortController();
    const watch = setTimeout(() => stop.abort(), PATIENCE);
    if (!options.method && path !== "/chat") looking = stop; // a page drawn anew is not given up for a message
    try {
      return await fetch(path, { cache: "no-store", credentials: "same-origin", signal: stop.signal, ...options });
    } finally {
      clearTimeout(watch);
      if (looking === stop) looking = null;
    }
  }

  // ---- Sending and looking, strictly one after the other ---------------------------------------------

  const post = (path, fields) => ask(path, { method: "POST", body: JSON.stringify(fields),
    headers: { "Content-Type": "application/json", Accept: "application/json" } });

  function mark(entry, words, button) {
    entry.item.querySelectorAll(".state").forEach((old) => old.remove());
    if (!words) return;
    const state = node(button ? "button" : "span", "state", words);
    if (button) state.type = "button";
    entry.item.append(state);
  }

  function settled(entry, id) {
    outbox.splice(outbox.indexOf(entry), 1);
    entry.item.dataset.id = id || "";
    mark(entry, "");
  }

  async function sendOldest() {
    const entry = outbox.find((each) => !each.refused);
    if (!entry || Date.now() < retryAt) return false;
    entry.tries += 1;
    const fields = { id: entry.id, language: document.documentElement.lang };
    fields[entry.tap ? "tap" : "text"] = entry.tap || entry.shown;
    let answer, body = {};
    try {
      answer = await post("/chat/messages", fields);
      body = await answer.json();
    } catch (error) {
      answer = answer || { status: 0 };
    }
    if (answer.status === 202 && body.after !== undefined) {
      retryAt = failures = 0;
      eagerUntil = Date.now() + EAGER;
      gone = false;
      if (outbox.includes(entry)) settled(entry, body.after);
      return true;
    }
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 429 && answer.status !== 408) {
      entry.refused = true;
      mark(entry, body.message ? body.message + " " + page.strings.unsent : page.strings.unsent, true);
      return true;
    }
    failures += 1;
    retryAt = Date.now() + RETRY[Math.min(entry.tries, RETRY.length) - 1];
    mark(entry, page.strings.unsent, true);
    return false;
  }

  async function look() {
    const seen = known();
    const after = seen.length > OVERLAP ? seen[seen.length - OVERLAP - 1] : 0;
    try {
      const answer = await ask("/chat/messages?after=" + after, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      const news = await answer.json();
      failures = 0;
      await apply(news);
    } catch (error) {
      if (!(error.name === "AbortError" && again)) failures += 1; // interrupted by a message that goes first
    }
  }

  async function work() {
    clearTimeout(timer);
    if (working) {
      again = true;
      if (looking) looking.abort();
      return;
    }
    working = true;
    again = false;
    try {
      while (await sendOldest());
      if (!again) await look();
      tellState();
    } finally { // whatever went wrong, the page goes on
      working = false;
      if (again) work();
      else if (!document.hidden || outbox.length) timer = setTimeout(work, pause());
    }
  }

  function tellState() {
    settleChoices();
    if (navigator.onLine === false) say(page.notice, page.strings.offline);
    else if (failures > 1) say(page.notice, page.strings.away);
    else if (!gone) say(page.notice, "");
  }

  function pause() {
    if (outbox.some((entry) => !entry.refused)) return Math.max(retryAt - Date.now(), FAST);
    if (failures) return RETRY[Math.min(failures, RETRY.length) - 1];
    return typing || Date.now() < eagerUntil ? FAST : SLOW;
  }

  function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  function put(shown, tap) {
    const entry = { id: uuid(), shown, tap, tries: 0, refused: false };
    entry.item = bubble("me", "", shown, new Date().toISOString());
    mark(entry, page.strings.sending);
    page.list.append(entry.item);
    outbox.push(entry);
    settleChoices();
    toEnd();
    work();
  }

  // ---- What the person does --------------------------------------------------------------------------

  function submit() {
    const words = page.text.value.trim();
    if (!words) return page.text.focus();
    if ([...words].length > page.strings.longest) return say(page.notice, page.strings.long);
    page.text.value = "";
    typed = 0;
    fit();
    put(words, null);
    return page.text.focus();
  }

  function choose(button) {
    if (button.getAttribute("aria-disabled") === "true") return;
    const stored = /^c\d+:\d+$/.test(button.value);
    page.log.focus({ preventScroll: true });
    put(button.textContent, stored ? button.value : null);
  }

  function retry(item) {
    const entry = outbox.find((each) => each.item === item);
    if (!entry) return;
    entry.refused = false;
    retryAt = 0;
    mark(entry, page.strings.sending);
    page.log.focus({ preventScroll: true });
    work();
  }

  async function speak(language) {
    try {
      const answer = await post("/chat/language", { language });
      if (answer.ok) return await redraw("");
    } catch (error) { /* said below, like every other failure to reach the server */ }
    return say(page.notice, page.strings.away);
  }

  document.addEventListener("click", (event) => {
    const picture = event.target instanceof Element && event.target.closest(".picture");
    if (picture) { // larger in its place: a page of its own would have no way out
      event.preventDefault();
      picture.classList.toggle("whole");
    }
    const button = event.target instanceof Element && event.target.closest("button");
    if (!button) return;
    if (button.closest(".choices")) choose(button);
    else if (button.classList.contains("state")) retry(button.closest("li"));
    else if (button.name === "language") speak(button.value);
    else if (button.closest("#composer")) submit();
    else return;
    event.preventDefault();
  });

  document.addEventListener("submit", (event) => event.preventDefault());

  document.addEventListener("keydown", (event) => {
    if (event.target !== page.text || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });

  // Only that something is typed, never what, and only to a person: a machine does not wait.
  function tellTyping() {
    if (holder !== "operator" || !page.text.value.trim() || Date.now() - typed < TYPES) return;
    typed = Date.now();
    post("/chat/typing", {}).catch(() => null);
  }

  document.addEventListener("input", (event) => {
    if (event.target !== page.text) return;
    fit();
    tellTyping();
  });

  function wake() {
    if (document.hidden) return;
    retryAt = 0;
    work();
  }
  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  addEventListener("pageshow", (event) => { if (event.persisted) wake(); });
  addEventListener("offline", () => say(page.notice, page.strings.offline));

  bind();
  work();
})();
