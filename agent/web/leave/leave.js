// A symptom is asked for with sick leave alone; a whole class is ticked by one button.
"use strict";

{
  const kinds = document.getElementById("kinds");
  if (kinds) {
    const status = document.getElementById("f-status"), symptom = document.getElementById("f-symptom");
    const fit = () => {
      const sick = status.value === kinds.dataset.sick;
      symptom.closest(".field").hidden = !sick;
      symptom.disabled = !sick;
    };
    status.addEventListener("change", fit);
    fit();
  }
  const all = document.getElementById("all");
  if (all) {
    const boxes = [...document.querySelectorAll(".picks input[name=pupil]")];
    all.hidden = false;
    all.addEventListener("click", () => {
      const on = boxes.some((b) => !b.checked);
      for (const b of boxes) b.checked = on;
    });
  }
  // Whoever picks a class by hand needs no button for it; by keys, each that is passed
  // on the way is a change.
  const choose = document.querySelector(".choose select");
  if (choose) {
    let keys = false;
    choose.addEventListener("keydown", () => {
      keys = true;
    });
    choose.addEventListener("pointerdown", () => {
      keys = false;
    });
    choose.addEventListener("change", () => {
      if (!keys) choose.form.submit();
    });
  }
}
