// One case: stays at the newest message if you are there, keeps your draft, sends with Ctrl+Enter.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const messages = byId("messages"), newer = byId("newer");
  // On a phone the page scrolls, on a desk the box does.
  const box = () => (getComputedStyle(byId("scroll")).overflowY === "auto" ? byId("scroll") : document.scrollingElement);
  const near = () => box().scrollHeight - box().scrollTop - box().clientHeight < 80;
  const inSight = () => (box() === byId("scroll") ? near() : messages.getBoundingClientRect().bottom < innerHeight + 80);
  const toNewest = () => {
    if (box() === byId("scroll")) box().scrollTop = box().scrollHeight;
    else messages.lastElementChild?.scrollIntoView({ block: "center" });
    newer.hidden = true;
  };
  toNewest();
  newer.addEventListener("click", toNewest);
  document.addEventListener("wayline:newest", toNewest);
  document.addEventListener("scroll", () => { if (inSight()) newer.hidden = true; }, { capture: true, passive: true });

  // Whoever knows the dos and don'ts folds them away once, not in every case.
  const folded = () => {
    const conduct = byId("conduct");
    conduct.open = localStorage.getItem("wayline-conduct") !== "folded";
    conduct.addEventListener("toggle", () => localStorage.setItem("wayline-conduct", conduct.open ? "open" : "folded"));
  };
  folded();

  let atEnd = true, amount = 0, height = 0, draft = "", conduct = byId("conduct");
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    // A delivery state that did not change is not announced again.
    const { target, fragment } = event.detail;
    if (target.classList.contains("delivery") && target.textContent === fragment.textContent.trim()) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== messages) return;
    atEnd = inSight();
    amount = messages.children.length;
    height = messages.scrollHeight;
    draft = byId("text").value;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== messages) return;
    if (byId("text").value !== draft) byId("text").value = draft;
    if (byId("conduct") !== conduct) {
      conduct = byId("conduct");
      folded();
    }
    if (messages.children.length === amount) {
      if (atEnd && messages.scrollHeight !== height) toNewest(); // a picture stands where words stood
      return;
    }
    if (atEnd) toNewest();
    else newer.hidden = false;
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
    byId("text").value = draft = "";
    byId("text").focus();
    toNewest();
  });
})();
