// How to reach somebody is on the page for two minutes and never comes back by itself.
"use strict";

(() => {
  const box = document.getElementById("identity-body"), dialog = document.getElementById("identity");
  let ending = null;
  const gone = () => {
    clearTimeout(ending);
    ending = null;
    box.querySelector(".reach")?.remove();
    const over = document.getElementById("reach-over");
    if (over) over.hidden = false;
  };
  const empty = () => {
    gone();
    box.replaceChildren();
  };
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== box) return;
    clearTimeout(ending);
    const reach = box.querySelector(".reach");
    if (!reach) return;
    if (!dialog.open) empty(); // it was closed while the answer was on its way
    else ending = setTimeout(gone, Number(reach.dataset.seconds) * 1000);
  });
  dialog.addEventListener("close", empty);
  window.addEventListener("pagehide", empty); // a page that the browser keeps to go back to
})();
