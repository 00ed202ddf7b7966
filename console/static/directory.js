// A service's card, or a question about it, goes into the reply box behind what is written there already.
"use strict";

(() => {
  document.addEventListener("htmx:afterSwap", (event) => {
    const { target } = event.detail;
    if (target.id !== "service-card") return;
    const card = target.querySelector("textarea"), box = document.getElementById("text");
    if (!card || !box || box.disabled) return;
    const begun = box.value.trimEnd();
    box.value = begun ? `${begun}\n\n${card.value}` : card.value;
    target.replaceChildren();
    document.getElementById("services")?.close();
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
    box.scrollTop = box.scrollHeight;
  });
})();

// The list of what happened stays open when the cards beside the conversation are drawn anew.
(() => {
  let opened = false;
  document.addEventListener("toggle", (event) => {
    if (event.target.id === "happened") opened = event.target.open;
  }, true);
  document.addEventListener("htmx:oobAfterSwap", () => {
    const list = document.getElementById("happened");
    if (list && list.open !== opened) list.open = opened;
  });
})();
