// One case: stays at the newest message if you are there, keeps your draft, sends with Ctrl+Enter.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  // Asked for anew each time: after signing in again the page's content is a new one (draft.js).
  const list = () => byId("messages"), newer = () => byId("newer");
  // On a phone the page scrolls, on a desk the box does.
  const box = () => (getComputedStyle(byId("scroll")).overflowY === "auto" ? byId("scroll") : document.scrollingElement);
  const near = () => box().scrollHeight - box().scrollTop - box().clientHeight < 80;
  const inSight = () => (box() === byId("scroll") ? near() : list().getBoundingClientRect().bottom < innerHeight + 80);
  const toNewest = () => {
    if (box() === byId("scroll")) box().scrollTop = box().scrollHeight;
    else list().lastElementChild?.scrollIntoView({ block: "center" });
    newer().hidden = true;
  };
  toNewest();
  document.addEventListener("click", (event) => event.target.closest?.("#newer") && toNewest());
  document.addEventListener("wayline:newest", toNewest);
  document.addEventListener("scroll", () => { if (list() && inSight()) newer().hidden = true; }, { capture: true, passive: true });

  // What grows below the messages (a list, a note, a longer draft) pushes them up; it does not cover the newest.
  let stays = true;
  const held = new ResizeObserver(() => stays && byId("scroll") && box() === byId("scroll") && toNewest());
  held.observe(byId("scroll"));
  document.addEventListener("scroll", (event) => { if (event.target === byId("scroll")) stays = near(); }, { capture: true, passive: true });

  // Whoever knows the dos and don'ts folds them away once, not in every case.
  const folded = () => {
    const conduct = byId("conduct");
    conduct.open = localStorage.getItem("wayline-conduct") !== "0";
    conduct.addEventListener("toggle", () => localStorage.setItem("wayline-conduct", conduct.open ? "1" : "0"));
  };
  folded();
  document.addEventListener("wayline:returned", () => {
    conduct = byId("conduct");
    folded();
    toNewest();
    held.observe(byId("scroll"));
  });

  // What stands in the reply box and must survive when news draw the box anew.
  // The field itself stays: its words, the place in them, and what is being typed at this moment.
  const KEPT = ["text", "canned", "beside", "translated"];
  const DRAWN = ["disabled", "placeholder", "aria-describedby"];
  let kept = [], focused = null;
  let atEnd = true, amount = 0, height = 0, conduct = byId("conduct");
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    // A delivery state that did not change is not announced again.
    const { target, fragment } = event.detail;
    if (target.classList.contains("again") && target.innerHTML === fragment.firstElementChild?.innerHTML) event.detail.shouldSwap = false;
    if (target.id === "cards") read = target.scrollTop;
    // A form that is gone does not hear its answer: it is drawn anew by the news after that.
    if (["reply", "desk-digest"].includes(target.id) && byId("reply").classList.contains("htmx-request")) event.detail.shouldSwap = false;
    if (target.classList.contains("delivery") && target.textContent === fragment.textContent.trim()) event.detail.shouldSwap = false;
  });
  // Whoever reads the cards stays where they read.
  let read = 0;
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target.id === "cards") byId("cards").scrollTop = read;
  });
  // A colleague who is chosen, and not yet asked, stays chosen when another note arrives.
  let reader = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const select = event.detail.target.id === "note-rows" && byId("reader");
    if (!select) return;
    const drawn = [...select.options].find((one) => one.defaultSelected)?.value ?? "";
    reader = select.value === drawn ? null : select.value;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "note-rows" || reader === null || !byId("reader")) return;
    if ([...byId("reader").options].some((one) => one.value === reader)) byId("reader").value = reader;
    reader = null;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== list()) return;
    atEnd = inSight();
    amount = list().children.length;
    height = list().scrollHeight;
    kept = KEPT.map(byId);
    focused = kept.some((node) => node.contains(document.activeElement)) ? document.activeElement : null;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== list()) return;
    for (const node of kept) {
      const drawn = byId(node.id);
      if (drawn === node) continue;
      if (node.id === "text") for (const name of DRAWN) drawn.hasAttribute(name) ? node.setAttribute(name, drawn.getAttribute(name)) : node.removeAttribute(name);
      drawn.replaceWith(node);
    }
    if (focused && document.activeElement !== focused) focused.focus();
    if (byId("conduct") !== conduct) {
      conduct = byId("conduct");
      folded();
    }
    if (list().children.length === amount) {
      if (atEnd && list().scrollHeight !== height) toNewest(); // a picture stands where words stood
      return;
    }
    if (atEnd) toNewest();
    else newer().hidden = false;
  });

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "text" || event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    if (!byId("reply").querySelector(".main").disabled) byId("reply").requestSubmit();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "reply") byId("refused").textContent = "";
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      if (event.detail.elt.id === "reply") byId("refused").textContent = byId("refused").dataset.lost;
    });
  }
  document.body.addEventListener("replied", () => {
    byId("text").value = "";
    byId("text").focus();
    toNewest();
  });
})();
