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
  // Whoever picks a class needs no button for it.
  const choose = document.querySelector(".choose select");
  if (choose) choose.addEventListener("change", () => choose.form.submit());
}
