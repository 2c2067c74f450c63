// The strip begins with the earliest day; where it is wider than the screen, the day
// that is shown is brought into sight.
"use strict";

{
  const here = document.querySelector(".days [aria-current]");
  if (here) {
    const strip = here.closest(".days");
    strip.scrollLeft = here.offsetLeft - strip.clientWidth / 2;
  }
}
