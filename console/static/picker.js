// Choosing from a list by typing: ready replies ("/" in an empty place of the reply), colleagues ("@" in a note).
// A field that filters (combobox) above a list; arrows, Enter, Escape. Also what is shown beside a draft.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  let open = null; // {panel, area, typed}: which list, for which field, and what was typed to open it

  const options = () => [...open.panel.querySelectorAll("[role=option]:not([hidden])")];
  const filter = () => open.panel.querySelector("[role=combobox]");
  const mark = (option) => {
    for (const other of open.panel.querySelectorAll("[aria-selected=true]")) other.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) filter().setAttribute("aria-activedescendant", option.id);
    else filter().removeAttribute("aria-activedescendant");
  };
  const marked = () => open.panel.querySelector("[aria-selected=true]:not([hidden])");
  const sift = () => {
    const words = filter().value.toLowerCase().replace(/^[/@]/, "").split(/\s+/).filter(Boolean);
    for (const option of open.panel.querySelectorAll("[role=option]")) {
      option.hidden = !words.every((word) => option.dataset.words.includes(word));
    }
    const shown = options();
    const said = open.panel.querySelector("[role=status]");
    said.textContent = shown.length ? "" : said.dataset.none;
    // What begins with the word comes before what only contains it.
    mark(shown.find((option) => words.length && option.dataset.words.startsWith(words[0])) || shown[0]);
  };
  const close = () => {
    if (!open) return;
    const { panel, area } = open;
    panel.hidden = true;
    open = null;
    area.focus();
  };
  const show = async (panel, area, typed) => {
    if (open) close();
    open = { panel, area, typed };
    panel.hidden = false;
    filter().value = "";
    panel.querySelector("[role=listbox]").replaceChildren(); // of another time, perhaps in another language
    mark(null);
    filter().focus();
    const answer = await fetch(panel.dataset.url, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (open?.panel !== panel) return;
    if (answer?.status === 401 || answer?.redirected) return void document.dispatchEvent(new Event("wayline:ended", { cancelable: true }));
    if (!answer?.ok) return close();
    panel.querySelector("[role=listbox]").innerHTML = await answer.text();
    if (open?.panel === panel) sift();
  };
  const put = (area, text, start = area.selectionStart, end = area.selectionEnd) => {
    area.setRangeText(text, start, end, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const beside = (they, mine, note) => {
    const box = byId("beside");
    box.querySelector(".they").textContent = they;
    box.querySelector(".mine").textContent = mine;
    box.querySelector(".note").textContent = note || "";
    box.hidden = false;
  };
  const choose = (option) => {
    const { panel, area } = open;
    close();
    if (panel.id !== "canned") return put(area, option.dataset.insert);
    byId("refused").textContent = option.dataset.why || "";
    if (option.getAttribute("aria-disabled") === "true") return;
    put(area, option.dataset.insert);
    byId("translated").replaceChildren();
    if (option.dataset.insert !== option.dataset.own || option.dataset.note) beside(option.dataset.insert, option.dataset.own, option.dataset.note);
  };

  document.addEventListener("input", (event) => {
    const area = event.target, at = area.selectionStart;
    if (open && area === filter()) return sift();
    if (area.id === "text") {
      // What stands beside a draft is about that draft, not about the next one.
      if (!area.value.includes(byId("beside").querySelector(".they").textContent)) byId("beside").hidden = true;
      if (!area.value.trim()) byId("translated").replaceChildren();
    }
    if (event.data === "/" && area.id === "text" && at === 1 && area.value[0] === "/") {
      area.setRangeText("", 0, 1, "end");
      show(byId("canned"), area, "/");
    } else if (event.data === "@" && area.id === "note-text" && (at === 1 || /\s/.test(area.value[at - 2]))) {
      area.setRangeText("", at - 1, at, "end");
      show(byId("call"), area, "@");
    }
  });
  // Before everybody else: Escape here closes the list, and single letters are no shortcuts.
  document.addEventListener("keydown", (event) => {
    if (!open || event.target !== filter() || event.isComposing) return;
    const shown = options(), at = shown.indexOf(marked());
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 5, PageUp: at - 5 }[event.key];
    if (to !== undefined) mark(shown[Math.max(0, Math.min(shown.length - 1, to))]);
    else if (event.key === "Enter" && marked()) choose(marked());
    else if (event.key === "Escape") {
      const { area, typed } = open, words = filter().value;
      close();
      if (typed) put(area, typed + words); // whoever wanted the sign itself has it, and nothing typed is lost
    } else if (event.key === "Backspace" && !filter().value) close();
    else if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, { capture: true });
  document.addEventListener("mousedown", (event) => {
    if (open && event.target.closest("[role=listbox]")) event.preventDefault(); // the filter keeps the focus
  });
  document.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (open && option) choose(option);
    else if (event.target.closest("#canned-open")) show(byId("canned"), byId("text"), "");
    else if (event.target.closest("#beside-close")) byId("beside").hidden = true;
    else if (event.target.closest(".take")) {
      const { insert, own } = event.target.closest(".take").dataset;
      put(byId("text"), insert, 0, byId("text").value.length);
      beside(insert, own);
      byId("translated").replaceChildren();
      byId("text").focus();
    } else if (open && !event.target.closest(".picker")) close();
  });

  document.body.addEventListener("replied", () => {
    byId("beside").hidden = true;
    byId("translated").replaceChildren();
  });
  document.body.addEventListener("noted", () => {
    byId("note-text").value = "";
    byId("note-refused").textContent = "";
  });
  document.body.addEventListener("asked", () => {
    byId("asking").close();
    byId("reason").value = "";
    byId("asking-refused").textContent = "";
  });
})();
