// The typing sign of a case: the person's below the messages, and ours told to the server, never what is typed.
"use strict";

(() => {
  const EVERY = 4000, SHOWS = 8000;
  const byId = (id) => document.getElementById(id);
  let told = 0, over = null;

  document.addEventListener("input", (event) => {
    if (event.target.id !== "text" || !event.target.value.trim() || Date.now() - told < EVERY) return;
    told = Date.now();
    const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
    fetch(byId("typing").getAttribute("hx-get"), { method: "POST", headers: { "X-CSRFToken": token } }).catch(() => null);
  });
  document.body.addEventListener("replied", () => (told = 0));

  const end = () => (byId("typing").textContent = "");
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    if (target !== byId("typing")) return;
    clearTimeout(over);
    if (xhr.responseText) over = setTimeout(end, SHOWS);
    if (target.textContent === xhr.responseText) event.detail.shouldSwap = false; // not announced again
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === byId("messages") && byId("messages").lastElementChild?.matches(".person")) end();
  });
})();
