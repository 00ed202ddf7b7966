// One file for the next reply: chosen, dropped or pasted, shown before it goes, kept until it is sent.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const language = document.documentElement.lang;
  const PATIENCE = 15 * 60 * 1000; // 20 MB on a slow line
  const form = () => byId("reply"), input = () => byId("file"), chip = () => byId("chip");
  const say = (words) => { byId("refused").textContent = words; };
  let chosen = null;

  const size = (bytes) => {
    const [number, unit] = bytes < 1e6 ? [Math.max(1, Math.round(bytes / 1000)), "kilobyte"] : [bytes / 1e6, "megabyte"];
    return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: 1 }).format(number);
  };

  // The policy lets no picture in that is not the server's; what is drawn needs no address.
  const draw = async (file) => {
    const canvas = chip().querySelector("canvas");
    canvas.hidden = true;
    if (!file.type.startsWith("image/")) return;
    try {
      const picture = await createImageBitmap(file);
      if (file !== chosen) return;
      const scale = Math.max(canvas.width / picture.width, canvas.height / picture.height);
      const width = picture.width * scale, height = picture.height * scale;
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(picture, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
      picture.close();
      canvas.hidden = false;
    } catch { /* the server says whether it is a picture */ }
  };

  const show = () => {
    const box = new DataTransfer();
    if (chosen) box.items.add(chosen);
    if (input()) input().files = box.files;
    chip().hidden = !chosen;
    if (!chosen) return;
    chip().querySelector(".name").textContent = chosen.name;
    chip().querySelector(".size").textContent = size(chosen.size);
    draw(chosen);
  };

  const choose = (files) => {
    say("");
    if (!input()) {
      say(form().dataset.noFiles || "");
      return;
    }
    if (files.length > 1) say(input().dataset.one);
    else if (files[0].size > Number(input().dataset.most)) say(input().dataset.large);
    else chosen = files[0];
    show();
  };

  const forget = () => {
    chosen = null;
    say("");
    show();
  };

  document.addEventListener("change", (event) => {
    if (event.target.id === "file" && event.target.files.length) choose([...event.target.files]);
    else if (event.target.id === "file") show(); // the dialog was left: what was chosen before stays
  });
  document.addEventListener("click", (event) => {
    if (event.target.id !== "without-file") return;
    forget();
    input()?.focus();
  });
  document.addEventListener("paste", (event) => {
    // Offices copy text together with its picture: then it is the text that is meant.
    const { files, types } = event.clipboardData;
    if (!files.length || types.includes("text/plain")) return;
    event.preventDefault();
    choose([...files]);
  });
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault(); // else the browser leaves the case and opens the file
    event.dataTransfer.dropEffect = input() ? "copy" : "none";
    form().classList.toggle("awaits", Boolean(input()));
  });
  for (const name of ["dragleave", "dragend", "drop"]) {
    document.addEventListener(name, () => form().classList.remove("awaits"));
  }
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    if (event.dataTransfer.files.length) choose([...event.dataTransfer.files]);
  });

  // ---- Sending: the button says so, a bar says how far, and nothing can be changed on the way.
  const mine = (event) => event.detail.elt?.id === "reply";
  const sending = (now) => {
    const button = form().querySelector(".main");
    button.dataset.words ??= button.textContent;
    button.textContent = now ? button.dataset.sending : button.dataset.words;
    byId("text").readOnly = now;
    byId("without-file").disabled = now;
    chip().querySelector("progress").hidden = !(now && chosen);
    chip().querySelector("progress").value = 0;
  };
  document.addEventListener("htmx:configRequest", (event) => {
    if (mine(event) && chosen) event.detail.timeout = PATIENCE;
  });
  document.addEventListener("htmx:beforeRequest", (event) => { if (mine(event)) sending(true); });
  document.addEventListener("htmx:afterRequest", (event) => { if (mine(event)) sending(false); });
  document.addEventListener("htmx:xhr:progress", (event) => {
    const { lengthComputable, loaded, total } = event.detail;
    if (mine(event) && lengthComputable) chip().querySelector("progress").value = Math.max(loaded / total, chip().querySelector("progress").value);
  });
  document.body.addEventListener("replied", () => {
    chosen = null;
    show();
  });
  // News may have drawn the form anew; the file is put back into it.
  document.addEventListener("htmx:afterSettle", () => {
    if (chosen && chip().hidden) show();
  });
})();
