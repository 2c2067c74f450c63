// The first page stays true while it is open: it asks now and then how things
// stand, and every second while something is being sent.
"use strict";

(() => {
  const front = document.getElementById("front");
  if (!front) return;
  const idle = 15000, busy = 1000;
  let next = 0;

  function show(live) {
    if (live.stamp !== front.dataset.stamp && !front.contains(document.activeElement)) {
      location.replace("/");
      return;
    }
    const head = front.querySelector(".head");
    if (!head.classList.contains(live.mood)) head.className = "head " + live.mood;
    for (const at of front.querySelectorAll("[data-live]")) {
      const now = live[at.dataset.live];
      if (now !== undefined && at.textContent !== String(now)) at.textContent = now;
    }
    const send = document.getElementById("send");
    if (!send) return;
    send.disabled = live.sending;
    if (!live.sending) delete send.form.dataset.sent;
    document.getElementById("sending").hidden = !live.sending;
    front.querySelector(".sent").className = "sent " + (live.sent_ok ? "good" : "wait");
  }

  async function look() {
    let wait = idle;
    if (!document.hidden) {
      const live = await poll("/sync/standing");
      if (live) {
        if (live.sending) wait = busy;
        show(live);
      }
    }
    // Whoever came back to the page meanwhile has asked already.
    clearTimeout(next);
    next = setTimeout(look, wait);
  }

  next = setTimeout(look, "sending" in front.dataset ? busy : idle);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    clearTimeout(next);
    look();
  });
})();
