// The ledger can be filtered by name or initials, and the form counts whom it is for;
// without this script both work all the same.
"use strict";

{
  const table = document.getElementById("ledger"), find = document.getElementById("find");
  if (table && find && table.tBodies[0].rows.length >= 12) {
    find.hidden = false;
    sift(find.querySelector("input"), [...table.tBodies[0].rows], (row) => row.cells[0].textContent, () => false);
  }
  const form = document.getElementById("training"), chosen = document.getElementById("chosen");
  if (form && chosen) {
    const boxes = () => [...form.querySelectorAll("#f-teachers input[type=checkbox]")];
    const count = () => {
      chosen.textContent = chosen.dataset.say.replace("#", String(boxes().filter((b) => b.checked).length));
    };
    const set = (on) => () => {
      for (const b of boxes()) {
        // Those that the filter hides are not meant.
        if (b.closest("li").hidden || b.checked === on) continue;
        b.click();
      }
      count();
    };
    for (const [id, on] of [["all", true], ["none", false]]) {
      const button = document.getElementById(id);
      if (!button) continue;
      button.hidden = false;
      button.addEventListener("click", set(on));
    }
    form.addEventListener("input", count);
    form.addEventListener("change", count);
    count();
  }
}
