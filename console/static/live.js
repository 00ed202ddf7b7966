// News: a stream while it works, a question every 5 seconds while it does not, and honest words about which.
"use strict";

(() => {
  const POLL = 5000, PATIENCE = 4000;
  const status = document.getElementById("live"), cue = document.getElementById("cue");
  let stream = null, polling = null;
  // A page with a draft stays (draft.js); the stream is opened again until somebody has signed in.
  const ended = () => {
    if (document.dispatchEvent(new Event("wayline:ended", { cancelable: true }))) location.reload();
  };

  const say = (state) => {
    status.className = "live " + state;
    const words = { on: status.dataset.live, lost: status.dataset.lost, polling: status.dataset.polling }[state];
    const place = status.querySelector(".words");
    if (place.textContent !== words) place.textContent = words;
  };
  // Before that htmx does not listen yet, and news would be lost.
  const ready = new Promise((done) => document.addEventListener("DOMContentLoaded", done));
  const ask = () => ready.then(() => htmx.trigger(document.body, "desk"));
  const types = () => ready.then(() => htmx.trigger(document.body, "typing"));
  const set = (state) => {
    if (state === "on") {
      clearInterval(polling);
      polling = null;
      say("on");
    } else if (!polling) {
      say("lost");
      ask(); // what came since the news stopped
      polling = setInterval(ask, POLL);
    }
  };
  document.addEventListener("htmx:afterRequest", (event) => {
    if (polling && event.detail.requestConfig.verb === "get") say(event.detail.successful ? "polling" : "lost");
  });

  // One page of the browser holds the stream and tells the others: a browser opens six connections to a server
  // and no more, and seven open cases would leave none for anything else.
  const others = new BroadcastChannel("wayline-news");
  const announce = (news) => others.postMessage(news);
  const works = () => stream !== null && stream.readyState === EventSource.OPEN;
  const open = () => {
    if (stream) stream.close();
    stream = new EventSource("/live");
    stream.onopen = () => {
      set("on");
      announce("on");
    };
    stream.addEventListener("changed", () => {
      ask();
      announce("changed");
    });
    stream.addEventListener("typing", () => {
      types();
      announce("typing");
    });
    stream.addEventListener("again", open);
    stream.addEventListener("ended", () => {
      announce("ended");
      ended();
    });
    stream.onerror = () => {
      // A stream that ends and opens again within moments is no loss, and nobody is bothered with it.
      setTimeout(() => {
        if (works()) return;
        set("lost");
        announce("lost");
      }, PATIENCE);
      // The browser gives up after an answer that is no stream; we do not. Asking tells whether we are signed out.
      if (stream.readyState === EventSource.CLOSED) {
        ask();
        setTimeout(open, POLL);
      }
    };
  };
  others.onmessage = ({ data }) => {
    if (data === "which" && stream) announce(works() ? "on" : "lost");
    else if (data === "changed") ask();
    else if (data === "typing") types();
    else if (data === "ended") ended();
    else if (data !== "which") set(data);
  };
  navigator.locks.request("wayline-live", () => new Promise(open));
  announce("which");
  setTimeout(() => {
    if (status.classList.length === 1) set("lost"); // nobody answered: the page that holds the stream is asleep
  }, PATIENCE);
  window.addEventListener("pagehide", () => stream?.close());
  window.addEventListener("pageshow", (event) => event.persisted && stream && open());

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
})();
