// News: a stream while it works, a question every 5 seconds while it does not, and honest words about which.
"use strict";

(() => {
  const POLL = 5000, PATIENCE = 4000;
  const status = document.getElementById("live"), cue = document.getElementById("cue");
  let stream = null, polling = null, opened = 0;

  const say = (state) => {
    status.className = "live " + state;
    const words = { on: status.dataset.live, lost: status.dataset.lost, polling: status.dataset.polling }[state];
    const place = status.querySelector(".words");
    if (place.textContent !== words) place.textContent = words;
  };
  const ask = () => htmx.trigger(document.body, "desk");

  const fall = () => {
    // A stream that ends and opens again within moments is no loss, and nobody is bothered with it.
    setTimeout(() => {
      if (stream && stream.readyState === EventSource.OPEN) return;
      if (!status.classList.contains("polling")) say("lost");
      polling ??= setInterval(ask, POLL);
    }, PATIENCE);
  };
  const open = () => {
    if (stream) stream.close();
    stream = new EventSource("/live");
    stream.onopen = () => {
      opened = Date.now();
      clearInterval(polling);
      polling = null;
      say("on");
    };
    stream.addEventListener("changed", ask);
    stream.addEventListener("again", open);
    stream.addEventListener("ended", () => location.reload());
    stream.onerror = () => {
      fall();
      // The browser gives up after an answer that is no stream; we do not.
      if (stream.readyState === EventSource.CLOSED) setTimeout(open, POLL);
    };
  };

  document.addEventListener("htmx:afterRequest", (event) => {
    if (stream && stream.readyState === EventSource.OPEN) return;
    if (polling && event.detail.requestConfig.verb === "get") say(event.detail.successful ? "polling" : "lost");
  });

  // ---- More people wait than before: the number moves, a line appears for a while, the title counts.
  const count = () => document.getElementById("count");
  let before = Number(count().dataset.waiting), hide = null;
  document.addEventListener("htmx:afterSwap", () => {
    const now = Number(count().dataset.waiting);
    if (now === before) return;
    document.title = `(${now}) ${document.body.dataset.name}`;
    if (now > before) {
      count().classList.add("risen");
      cue.textContent = count().dataset.said;
      clearTimeout(hide);
      hide = setTimeout(() => (cue.textContent = ""), 8000);
    }
    before = now;
  });

  open();
  window.addEventListener("pagehide", () => stream.close());
  window.addEventListener("pageshow", (event) => event.persisted && open());
})();
