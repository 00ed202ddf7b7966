"use strict";
// The way out of every public page: "Leave this page", or Shift three times.
(() => {
  const WITHIN = 1500; // milliseconds for three presses; slower ones are somebody thinking about a capital
  let presses = [];

  function leave(event) {
    const link = document.getElementById("exit");
    if (!link) return;
    if (event) event.preventDefault();
    // First nothing is to be seen, then the other page comes, in this page's place in the history.
    const target = link.href;
    document.body.textContent = "";
    document.title = "\u200b";
    location.replace(target);
  }

  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("#exit")) leave(event);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Shift") {
      presses = []; // a capital letter is Shift and another key
      return;
    }
    if (event.repeat) return;
    const now = Date.now();
    presses = presses.filter((time) => now - time < WITHIN).concat(now);
    if (presses.length >= 3) leave();
  });
})();
