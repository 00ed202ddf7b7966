// The wall asks for its numbers by itself, says when they are old, and can ring when more people wait.
"use strict";

(() => {
  const EVERY = 5000;
  new BroadcastChannel("wayline-news").postMessage("changed"); // other tabs of this browser ask, and come here too
  const wall = document.getElementById("wall"), live = document.getElementById("live"), button = document.getElementById("sound");
  const numbers = () => wall.querySelector(".numbers").dataset;
  let before = { ...numbers() }, sound = null;

  const say = (works) => {
    document.body.classList.toggle("lost", !works);
    live.className = works ? "live on" : "live lost";
    const words = works ? live.dataset.live : live.dataset.lost, place = live.querySelector(".words");
    if (place.textContent !== words) place.textContent = words;
  };

  // Browsers allow sound only after a click, so it is off after every reload.
  button.addEventListener("click", () => {
    sound = sound ? (sound.close(), null) : new AudioContext();
    button.setAttribute("aria-pressed", String(Boolean(sound)));
    button.textContent = sound ? button.dataset.on : button.dataset.off;
    if (sound) ring(1);
  });
  const ring = (times) => {
    for (let i = 0; sound && i < times; i++) {
      const tone = sound.createOscillator(), volume = sound.createGain(), at = sound.currentTime + i * 0.45;
      tone.frequency.value = 660;
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.25, at + 0.03);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.35);
      tone.connect(volume).connect(sound.destination);
      tone.start(at);
      tone.stop(at + 0.4);
    }
  };

  const ask = async () => {
    const answer = await fetch(document.body.dataset.numbers, { redirect: "manual" }).catch(() => null);
    if (answer?.status === 401) location.reload(); // signed out
    say(Boolean(answer?.ok));
    if (!answer?.ok) return;
    wall.innerHTML = await answer.text();
    const now = { ...numbers() };
    if (Number(now.danger) > Number(before.danger)) ring(3);
    else if (Number(now.waiting) > Number(before.waiting)) ring(1);
    before = now;
  };
  setInterval(ask, EVERY);
})();
