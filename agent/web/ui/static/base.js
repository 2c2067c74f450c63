// What every page has: one save per click, how a script talks to the agent, and the
// lock that covers a page without losing what was typed.
"use strict";

// A double click sends a form once. One that only asks, for a list or a file, asks as
// often as somebody wants; what cannot be taken back is asked for once more.
document.addEventListener("submit", (e) => {
  const form = e.target;
  if (form.method !== "post" || e.defaultPrevented) return;
  if (form.dataset.sent || (form.dataset.ask && !confirm(form.dataset.ask))) {
    e.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  carry(form);
  // A file for an answer leaves the page where it is, and may be asked for again.
  if ("file" in form.dataset) setTimeout(() => delete form.dataset.sent, 3000);
});
// Back from another page, a form may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// Who has not answered after so many milliseconds is not there any more: the cable was
// pulled, or the router has given the computer another address.
const PATIENCE = 10000;

// On a telephone the menu scrolls sideways; the entry of this page is in sight.
const lit = document.querySelector(".bar nav [aria-current]");
function showLit() {
  const nav = lit.closest("nav");
  nav.scrollLeft = lit.offsetLeft - nav.offsetLeft - (nav.clientWidth - lit.offsetWidth) / 2;
}
if (lit) {
  showLit();
  addEventListener("resize", showLit);
}

// Each PIN that is given begins another session with another token. The windows of one
// account tell each other the newest, so that what one window shows can be sent after
// the PIN was given in another.
const account = document.body.dataset.account;
const tokenTag = document.querySelector("meta[name=token]");
const tokenKey = `token ${account}`;
const renew = (token) => {
  tokenTag.content = token;
  if (account) localStorage.setItem(tokenKey, token);
};
const token = () => (account && localStorage.getItem(tokenKey)) || tokenTag.content;
const carry = (form) => {
  for (const i of form.querySelectorAll("input[name=token]")) i.value = token();
};
renew(tokenTag.content);

// ask posts to the agent, or reads from it where body is undefined.
async function ask(path, body) {
  const options = { credentials: "same-origin", headers: { "Shangu-Token": token() } };
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const hangUp = new AbortController();
  const timer = setTimeout(() => hangUp.abort(), PATIENCE);
  options.signal = hangUp.signal;
  try {
    const r = await fetch(path, options);
    let answer = {};
    try {
      answer = await r.json();
    } catch (e) {
      // An answer that is none is told as no answer; one that was cut is none at all.
      if (hangUp.signal.aborted) throw e;
    }
    return { ok: r.ok, status: r.status, answer };
  } finally {
    clearTimeout(timer);
  }
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

// unlocked covers the page and resolves when the PIN was given, here or in another
// window.
let unlocking = null;
function unlocked() {
  if (unlocking) return unlocking;
  clearTimeout(locking);
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
      renew(r.answer.token);
      uncover();
    };
    const elsewhere = (e) => {
      if (e.key === tokenKey && e.newValue) uncover();
    };
    const uncover = () => {
      say("");
      document.body.classList.remove("covered");
      form.removeEventListener("submit", enter);
      box.removeEventListener("cancel", stay);
      removeEventListener("storage", elsewhere);
      box.close();
      unlocking = null;
      touched();
      resolve();
    };
    form.addEventListener("submit", enter);
    box.addEventListener("cancel", stay);
    addEventListener("storage", elsewhere);
    document.body.classList.add("covered");
    box.showModal();
    pin.focus();
  });
  return unlocking;
}

// A page that lies untouched locks in its place, unless another window of the account
// is in use.
const idle = Number(document.body.dataset.idle || 0);
const touchedKey = `touched ${account}`;
let locking = 0;
function touched() {
  clearTimeout(locking);
  if (!idle || unlocking) return;
  localStorage.setItem(touchedKey, Date.now());
  locking = setTimeout(lock, idle);
}
async function lock() {
  const left = Number(localStorage.getItem(touchedKey)) + idle - Date.now();
  if (left > 0 && left <= idle) {
    locking = setTimeout(lock, left);
    return;
  }
  try {
    await ask("/lock", {});
  } catch (e) {
    // The agent locks by itself; the page is covered all the same.
  }
  unlocked();
}
for (const what of ["keydown", "pointerdown", "input"]) addEventListener(what, touched, { passive: true });
touched();

// sift shows of items those that what is typed into a field finds, by name or by
// initials in pinyin, and those that stay.
function sift(field, items, name, stays) {
  field.addEventListener("input", () => {
    const want = field.value.trim().toLowerCase();
    for (const i of items) {
      i.hidden = !(stays(i) || i.dataset.find.toLowerCase().startsWith(want) || name(i).toLowerCase().includes(want));
    }
  });
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
  sift(filter, items, (li) => li.textContent, (li) => li.querySelector("input").checked);
  // Enter in the filter ticks the first that is left, and does not send the form.
  filter.addEventListener("keydown", (e) => {
    if (e.key !== "Enter" || e.isComposing) return;
    e.preventDefault();
    if (!filter.value.trim()) return;
    const first = items.find((li) => !li.hidden && !li.querySelector("input").checked);
    if (!first) return;
    first.querySelector("input").click();
    filter.value = "";
    filter.dispatchEvent(new Event("input"));
  });
}
// Where a field is wrong, the cursor goes there; in a list of choices, to its first.
{
  const wrong = document.querySelector("main [aria-invalid=true], main .picks > .wrong");
  if (wrong) (wrong.matches(".wrong") ? wrong.parentElement.querySelector("input:not([hidden])") : wrong).focus();
}
// Buttons that print the page; without a script the browser's own menu does it.
for (const b of document.querySelectorAll("[data-print]")) {
  b.hidden = false;
  b.addEventListener("click", () => print());
}
