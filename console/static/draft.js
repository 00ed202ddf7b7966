// A session may end in mid-sentence. Nothing of a draft may be kept in the browser's storage, so the page stays where
// it is, without what people wrote, until the operator has signed in again in another tab.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const main = byId("main"), gate = byId("signed-out");
  const typed = () => [...document.querySelectorAll("textarea")].filter((area) => area.id && area.value.trim() && area.value !== area.defaultValue);
  let drafts = null, looking = false;

  const shut = () => {
    drafts = new Map(typed().map((area) => [area.id, area.value]));
    // Answers under way find their element gone, are heard by nobody here, and would take the page to the door.
    for (const asking of main.querySelectorAll("[hx-get], [hx-post]")) {
      asking.addEventListener("htmx:beforeOnLoad", (event) => event.preventDefault());
    }
    main.replaceChildren(); // nobody is signed in: nothing of anybody is left to read here
    for (const other of document.querySelectorAll("dialog[open]")) other.close();
    gate.showModal();
  };
  document.addEventListener("wayline:ended", (event) => {
    if (!drafts && !typed().length) return;
    event.preventDefault();
    if (!drafts) shut();
  });
  // htmx would follow the server to the page for signing in.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (drafts) return event.preventDefault(); // asked before: there is no place for it now
    if (event.detail.xhr.status !== 401) return;
    if (!document.dispatchEvent(new Event("wayline:ended", { cancelable: true }))) event.preventDefault();
  });
  gate.addEventListener("cancel", (event) => event.preventDefault());

  const back = async () => {
    if (!drafts || looking) return;
    looking = true;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    const page = answer?.ok && !answer.redirected ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
    looking = false;
    if (answer?.status === 404) return location.reload(); // the case is not for who signed in
    if (!page?.body.dataset.me) return void (byId("still-out").hidden = false);
    if (page.body.dataset.me !== document.body.dataset.me) return location.reload(); // somebody else: not their draft
    const headers = page.body.getAttribute("hx-headers");
    document.body.setAttribute("hx-headers", headers);
    main.replaceChildren(...document.importNode(page.getElementById("main"), true).childNodes);
    for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = JSON.parse(headers)["X-CSRFToken"];
    for (const [id, text] of drafts) if (byId(id)) byId(id).value = text;
    drafts = null;
    byId("still-out").hidden = true;
    gate.close();
    htmx.process(main);
    document.dispatchEvent(new Event("wayline:returned"));
    htmx.trigger(document.body, "htmx:afterSettle"); // what is drawn anew is told so, like after news
    byId("text")?.focus();
  };
  byId("signed-in").addEventListener("click", back);
  new BroadcastChannel("wayline").addEventListener("message", back); // another page of ours is signed in
})();
