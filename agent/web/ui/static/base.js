// What every page has: one save per click, how a script talks to the agent, and the
// lock that covers a page without losing what was typed.
"use strict";

// A double click sends a form once.
document.addEventListener("submit", (e) => {
  const form = e.target;
  if ("own" in form.dataset) return;
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

const tokenTag = document.querySelector("meta[name=token]");

// ask posts to the agent, or reads from it where body is undefined.
async function ask(path, body) {
  const options = { credentials: "same-origin", headers: { "Shangu-Token": tokenTag.content } };
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const r = await fetch(path, options);
  let answer = {};
  try {
    answer = await r.json();
  } catch (e) {
    // An answer that is none is told as no answer.
  }
  return { ok: r.ok, status: r.status, answer };
}

// send posts to the agent and gives back its answer. Where the page has locked it
// asks for the PIN and sends again. It throws a sentence for people: what the agent
// said, or fallback when it did not answer.
async function send(path, body, fallback) {
  for (;;) {
    let r;
    try {
      r = await ask(path, body);
    } catch (e) {
      throw Object.assign(new Error(fallback), { status: 0 });
    }
    if (r.ok) return r.answer;
    if (r.status === 401 && document.getElementById("locked")) {
      await unlocked();
      continue;
    }
    throw Object.assign(new Error(r.answer.error || fallback), { status: r.status });
  }
}

// poll reads from the agent; null where it does not answer.
async function poll(path) {
  try {
    const r = await ask(path);
    return r.ok ? r.answer : null;
  } catch (e) {
    return null;
  }
}

// unlocked covers the page and resolves when the PIN was given.
let unlocking = null;
function unlocked() {
  if (unlocking) return unlocking;
  const box = document.getElementById("locked");
  const pin = document.getElementById("locked-pin"), wrong = document.getElementById("locked-wrong");
  const form = box.querySelector("form");
  const say = (text) => {
    wrong.textContent = text;
    wrong.hidden = !text;
    if (text) pin.setAttribute("aria-invalid", "true");
    else pin.removeAttribute("aria-invalid");
  };
  unlocking = new Promise((resolve) => {
    let busy = false;
    const stay = (e) => e.preventDefault();
    const enter = async (e) => {
      e.preventDefault();
      if (busy) return;
      busy = true;
      let r = { ok: false, answer: {} };
      try {
        r = await ask("/sign", { PIN: pin.value });
      } catch (e) {
        // Told below.
      }
      busy = false;
      pin.value = "";
      if (!r.ok || !r.answer.token) {
        say(r.answer.error || box.dataset.failed);
        pin.focus();
        return;
      }
      say("");
      document.body.classList.remove("covered");
      tokenTag.content = r.answer.token;
      for (const i of document.querySelectorAll("input[name=token]")) i.value = r.answer.token;
      form.removeEventListener("submit", enter);
      box.removeEventListener("cancel", stay);
      box.close();
      unlocking = null;
      resolve();
    };
    form.addEventListener("submit", enter);
    box.addEventListener("cancel", stay);
    document.body.classList.add("covered");
    box.showModal();
    pin.focus();
  });
  return unlocking;
}

// A page that lies untouched locks in its place.
{
  const idle = Number(document.body.dataset.idle || 0);
  let timer = 0;
  const again = () => {
    clearTimeout(timer);
    if (idle && !unlocking) timer = setTimeout(lock, idle);
  };
  const lock = async () => {
    try {
      await ask("/lock", {});
    } catch (e) {
      // The agent locks by itself; the page is covered all the same.
    }
    await unlocked();
    again();
  };
  for (const what of ["keydown", "pointerdown", "input"]) addEventListener(what, again, { passive: true });
  again();
}

// Long lists of choices can be filtered by name or by initials in pinyin.
for (const list of document.querySelectorAll(".picks")) {
  const filter = list.querySelector(".filter"), items = [...list.querySelectorAll("li")];
  for (const li of items) {
    // What is typed beside a choice chooses it, and goes with it.
    const [box, more] = li.querySelectorAll("input");
    if (!more) continue;
    more.addEventListener("input", () => {
      if (more.value) box.checked = true;
    });
    box.addEventListener("change", () => {
      if (!box.checked) more.value = "";
    });
  }
  if (items.length < 12) continue;
  filter.hidden = false;
  filter.addEventListener("input", () => {
    const want = filter.value.trim().toLowerCase();
    for (const li of items) {
      const box = li.querySelector("input");
      li.hidden = !(box.checked || li.dataset.find.toLowerCase().startsWith(want) || li.textContent.toLowerCase().includes(want));
    }
  });
  // Enter in the filter ticks the first that is left, and does not send the form.
  filter.addEventListener("keydown", (e) => {
    if (e.key !== "Enter" || e.isComposing) return;
    e.preventDefault();
    const first = items.find((li) => !li.hidden && !li.querySelector("input").checked);
    if (!first) return;
    first.querySelector("input").click();
    filter.value = "";
    filter.dispatchEvent(new Event("input"));
  });
}
// Where a field is wrong, the cursor goes there.
{
  const wrong = document.querySelector("main [aria-invalid=true]");
  if (wrong) wrong.focus();
}
// Buttons that print the page.
for (const b of document.querySelectorAll("[data-print]")) b.addEventListener("click", () => print());
