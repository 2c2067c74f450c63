// What every page has: one save per click, and how a script talks to the agent.
"use strict";

// A double click sends a form once.
document.addEventListener("submit", (e) => {
  const form = e.target;
  if (form.dataset.sent) {
    e.preventDefault();
    return;
  }
  form.dataset.sent = "1";
});
// Back from another page, a form may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// send posts to the agent and gives back its answer. It throws a sentence for
// people: what the agent said, or fallback when it did not answer.
async function send(path, body, fallback) {
  const token = document.querySelector("meta[name=token]").content;
  let r;
  try {
    r = await fetch(path, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "Shangu-Token": token },
      body: JSON.stringify(body),
    });
  } catch (e) {
    throw Object.assign(new Error(fallback), { status: 0 });
  }
  let answer = {};
  try {
    answer = await r.json();
  } catch (e) {
    // An answer that is none is told as no answer.
  }
  if (!r.ok) throw Object.assign(new Error(answer.error || fallback), { status: r.status });
  return answer;
}
