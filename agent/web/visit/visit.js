// The form of a visit shows what belongs to its kind; without this script it shows all,
// and what does not belong to the kind is not kept.
"use strict";

{
  const form = document.getElementById("visit");
  if (form) {
    const sync = document.getElementById("sync"), kind = form.elements.kind;
    const fit = () => {
      sync.hidden = kind.value !== form.dataset.sync;
    };
    kind.addEventListener("change", fit);
    fit();
  }
}
