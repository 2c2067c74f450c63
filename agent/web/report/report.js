"use strict";
// Printing is the browser's; without a script its own menu does it.
for (const b of document.querySelectorAll(".printer")) {
  b.hidden = false;
  b.addEventListener("click", () => window.print());
}
// What cannot be taken back is asked for once more.
for (const f of document.querySelectorAll("form.ask")) {
  f.addEventListener("submit", e => { if (!window.confirm(f.dataset.ask)) e.preventDefault(); });
}
