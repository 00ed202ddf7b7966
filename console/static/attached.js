// What people sent: pictures are veiled until somebody wants to see them, places and numbers can be copied.
"use strict";

(() => {
  const toggle = (picture) => {
    const button = picture.querySelector(".reveal");
    const open = picture.classList.toggle("open");
    button.textContent = open ? button.dataset.hide : button.dataset.show;
  };

  const copy = async (button) => {
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // Without the permission: select it, and the operator's own keys copy it.
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      return;
    }
    button.textContent = button.dataset.done;
    button.disabled = true;
    setTimeout(() => {
      button.textContent = label;
      button.disabled = false;
    }, 1500);
  };

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const veiled = event.target.closest(".veiled");
    if (veiled && event.target.closest("img, .reveal")) toggle(veiled);
    const button = event.target.closest(".copy");
    if (button) copy(button);
  });
})();
