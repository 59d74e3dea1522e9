// Opens the embedded page by the form that carries its tokens, and lets it say how tall it is.
"use strict";
const frame = document.querySelector("iframe.embedded");
document.getElementById("opening")?.requestSubmit();
window.addEventListener("message", (event) => {
  if (event.source !== frame.contentWindow || typeof event.data !== "string") return;
  const said = /^resizeWindow:(\{.*\}):[^:]*:([^:]*)$/s.exec(event.data);
  if (!said || said[2] !== frame.name.split("|")[2]) return;
  let height;
  try {
    height = Number(JSON.parse(said[1]).height);
  } catch {
    return;
  }
  if (height > 0 && height <= 20000) frame.style.height = `${Math.ceil(height)}px`;
});
