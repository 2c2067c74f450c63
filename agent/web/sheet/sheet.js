// The roll of a class, by keys and by taps. Keys are told by where they lie on the
// keyboard (event.code), so that a Chinese input method that is switched on swallows
// none.
//
//   1-9            the status of the row
//   digits after 2 or 3: minutes; after 4: the symptom; Enter or an arrow ends them
//   letters        the first pupil whose name begins so in pinyin; Space: the next one
//   0, digits      the row of that number
//   arrows, Home, End, PgUp, PgDn   another row; left and right where there are two columns
//   Backspace      takes back a digit of minutes, symptom or row; else simply present again
//   Ctrl Z         undo; Ctrl Y, Ctrl Shift Z: redo
//   Enter          the roll is taken: all others are present
//   Escape         ends what is typed; in a field: back to the sheet
// A key that is held down counts once, but for those that move.
"use strict";

if (document.getElementById("roll")) {
  const PRESENT = 1, LATE = 2, EARLY = 3, SICK = 4;
  const CAME = new Set([1, 2, 3, 8, 9]); // statuses that count as present
  const NO_SCHOOL = 3; // of roll.State
  const HERE = 1; // of roll.Where
  const SAVE_AFTER = 1500; // milliseconds without a key
  const RETRY = 2000, RETRY_MOST = 20000;
  const LETTERS_FOR = 1200;
  const HALVED = 16; // pupils from which on a class lies in two columns
  const LOOK_SOON = 4000, LOOK_LATE = 30000; // how often the agent is asked how the sheet stands

  const byId = (id) => document.getElementById(id);
  const table = byId("roll"), pad = byId("pad"), state = byId("state");
  const rows = [...table.querySelectorAll("tr[data-pupil]")];
  const half = Math.ceil(rows.length / 2); // rows of the first column, where there are two
  const byKey = new Map(rows.map((r) => [r.dataset.pupil, r]));
  const name = (row) => row.querySelector(".name span").textContent;
  const statusName = {}, symptomName = {};
  for (const b of pad.querySelectorAll("[data-status]")) statusName[b.dataset.status] = b.lastChild.textContent;
  for (const b of pad.querySelectorAll("[data-symptom]")) symptomName[b.dataset.symptom] = b.lastChild.textContent;

  const parse = (s) => s.split(",").map(Number);
  const same = (a, b) => a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
  // marks are what the page shows, saved what the agent has said it keeps.
  const marks = new Map(rows.map((r) => [r, parse(r.dataset.mark)]));
  const saved = new Map(rows.map((r) => [r, parse(r.dataset.mark)]));
  const note = byId("note");
  let savedNote = note.value;

  let cursor = 0;
  let mode = ""; // "more": digits go to minutes or symptom; "row": to a row's number
  let digits = "", letters = "", lettersAt = 0;
  let named = false; // letters have led to this row, and nothing was done there yet
  const done = [], undone = []; // steps: {row, was, now}
  let timer = 0, sending = null, wishes = {}, retry = RETRY;
  let over = !byId("over").hidden, meant = false; // the day is over; its change is meant

  let composing = false; // an input method has something in hand in the note
  const noteTyped = () => note.value.trim() !== savedNote;
  const unsaved = (row) => !same(marks.get(row), saved.get(row));
  const dirty = () => rows.some(unsaved) || noteTyped();
  const shut = () => "early" in table.dataset || (over && !meant) || state.dataset.state === String(NO_SCHOOL);

  // What is typed and not saved outlives this page in the same window: whoever must go
  // and settle the date first, or reloads while the agent is away, finds it again. It
  // is kept for the same account, and names nobody.
  const draft = `roll ${table.dataset.account} ${location.pathname}`;
  const keep = () => {
    const d = { marks: {} };
    for (const row of rows) if (unsaved(row)) d.marks[row.dataset.pupil] = [saved.get(row), marks.get(row)];
    if (noteTyped()) d.note = [savedNote, note.value];
    if (dirty()) sessionStorage.setItem(draft, JSON.stringify(d));
    else sessionStorage.removeItem(draft);
  };
  // recover takes it up where it was left: the agent is told what its rows were seen
  // as then, and says what others have changed since.
  const recover = () => {
    const d = JSON.parse(sessionStorage.getItem(draft) || "null");
    if (!d) return;
    for (const key of Object.keys(d.marks)) {
      const row = byKey.get(key), [was, now] = d.marks[key];
      if (!row || same(saved.get(row), now)) continue;
      saved.set(row, was);
      marks.set(row, now);
    }
    if (d.note && d.note[1].trim() !== savedNote) {
      [savedNote, note.value] = d.note;
      byId("noted").open = true;
    }
  };

  const words = ([status, minutes, symptom]) => {
    if (status === LATE || status === EARLY) return minutes ? `${minutes} ${table.dataset.minutes}` : "";
    if (status === SICK) return symptomName[symptom] || "";
    return "";
  };
  const whole = (m) => [statusName[m[0]] || String(m[0]), words(m)].filter(Boolean).join(" ");

  const show = (row) => {
    const m = marks.get(row);
    row.dataset.is = m[0];
    row.querySelector(".mark").textContent = m[0] === PRESENT ? "" : statusName[m[0]] || String(m[0]);
    row.querySelector(".more").textContent = words(m);
    row.classList.toggle("unsaved", unsaved(row));
    if (row === rows[cursor]) whose();
  };

  // whose says on the pad which pupil the next key is for.
  const whose = () => {
    const row = rows[cursor];
    if (!row) return;
    const m = marks.get(row);
    byId("whose-by").textContent = row.querySelector(".by").textContent;
    byId("whose").textContent = `${cursor + 1} ${name(row)} ${m[0] === PRESENT ? "" : whole(m)}`.trim();
    for (const b of pad.querySelectorAll("[data-status]")) b.setAttribute("aria-pressed", String(m[0]) === b.dataset.status);
    for (const b of pad.querySelectorAll("[data-minutes]")) b.setAttribute("aria-pressed", String(m[1]) === b.dataset.minutes);
    for (const b of pad.querySelectorAll("[data-symptom]")) b.setAttribute("aria-pressed", String(m[2]) === b.dataset.symptom);
    byId("finer-minutes").hidden = m[0] !== LATE && m[0] !== EARLY;
    byId("finer-symptoms").hidden = m[0] !== SICK;
    byId("leave-link").href = `${table.dataset.leave}&pupil=${row.dataset.pupil}`;
  };

  const count = () => {
    let present = 0, absent = 0;
    const each = {};
    for (const row of rows) {
      if (row.classList.contains("gone")) continue;
      const status = marks.get(row)[0];
      each[status] = (each[status] || 0) + 1;
      if (CAME.has(status)) present++;
      else absent++;
    }
    byId("n-present").textContent = present;
    byId("n-absent").textContent = absent;
    for (const tag of document.querySelectorAll("[data-count]")) {
      const n = each[tag.dataset.count] || 0;
      tag.hidden = n === 0;
      tag.lastElementChild.textContent = n;
    }
    byId("undo").disabled = done.length === 0;
    byId("redo").disabled = undone.length === 0;
  };

  const typing = (text) => {
    byId("typing").textContent = text;
  };

  const go = (n) => {
    if (rows.length === 0) return;
    rows[cursor].classList.remove("cursor");
    rows[cursor].removeAttribute("aria-current");
    cursor = Math.max(0, Math.min(rows.length - 1, n));
    rows[cursor].classList.add("cursor");
    rows[cursor].setAttribute("aria-current", "true");
    rows[cursor].scrollIntoView({ block: "nearest" });
    mode = "";
    digits = "";
    named = false;
    typing("");
    whose();
  };

  // later saves in a while; until then nothing says that all is saved.
  const later = (ms) => {
    keep();
    byId("said").textContent = "";
    clearTimeout(timer);
    timer = setTimeout(() => save({}), ms);
  };

  const put = (row, now) => {
    marks.set(row, now);
    show(row);
    count();
    later(SAVE_AFTER);
  };

  const mark = (row, now) => {
    if (shut()) {
      nudge();
      return;
    }
    const was = marks.get(row);
    if (same(was, now)) return;
    const last = done[done.length - 1];
    if (mode === "more" && last && last.row === row) last.now = now;
    else done.push({ row, was, now });
    undone.length = 0;
    put(row, now);
  };

  // nudge shows why nothing can be changed just now.
  const nudge = () => {
    const why = over && !meant ? byId("over") : state;
    why.scrollIntoView({ block: "nearest" });
    if (why === byId("over")) byId("change").focus();
  };

  // step takes a step back, or takes it again. One whose mark somebody else has changed
  // since is none any more: theirs stands.
  const step = (from, to, is, becomes) => {
    if (shut()) {
      nudge();
      return;
    }
    let s = from.pop();
    while (s && !same(marks.get(s.row), s[is])) s = from.pop();
    if (s) {
      to.push(s);
      go(rows.indexOf(s.row));
      put(s.row, s[becomes]);
    }
    count();
  };
  const undo = () => step(done, undone, "now", "was");
  const redo = () => step(undone, done, "was", "now");

  const trouble = (text) => {
    const box = byId("trouble");
    if (box.textContent !== text) box.textContent = text;
    box.hidden = !text;
  };

  const stand = (a, own) => {
    state.dataset.state = a.state;
    state.dataset.where = a.where;
    byId("closed-for").textContent = a.reason;
    if (a.over !== over) {
      over = a.over;
      // Whoever has just taken a day's roll late is not asked at once whether to change it.
      if (own) meant = true;
      byId("over").hidden = !over || meant;
    }
    alarm(a.alarms || []);
    frame();
    count();
  };

  // alarm says what the class's day gives rise to at once; what is said already is not
  // said again.
  const alarm = (list) => {
    const box = byId("alarms");
    if ([...box.children].map((p) => p.textContent).join() === list.join()) return;
    box.textContent = "";
    for (const words of list) box.append(Object.assign(document.createElement("p"), { textContent: words }));
    box.hidden = list.length === 0;
  };

  // frame shows what can be done as the sheet stands.
  const frame = () => {
    const closed = state.dataset.state === String(NO_SCHOOL);
    byId("close-form").hidden = closed;
    byId("reopen-form").hidden = !closed;
    table.classList.toggle("shut", shut());
    pad.parentElement.classList.toggle("shut", shut());
    pad.parentElement.classList.toggle("closed", closed);
    document.querySelector(".counts").classList.toggle("closed", closed);
    pad.hidden = shut();
    note.disabled = "early" in table.dataset || (over && !meant);
    for (const id of ["close", "reopen"]) byId(id).disabled = note.disabled;
  };

  // take over what the agent says of a row, unless something newer was typed.
  const settle = (row, said, sent) => {
    row.querySelector(".by").textContent = said.by || "";
    row.classList.toggle("expected", Boolean(said.expected));
    const shown = marks.get(row);
    const typed = sent ? !same(shown, sent.now) : unsaved(row);
    if (sent || !typed) saved.set(row, said.mark);
    if (!typed) marks.set(row, said.mark);
    show(row);
  };

  // stale tells whose marks somebody else has changed meanwhile: theirs stand, and
  // what was typed here is one button away.
  const stale = (a, sent) => {
    const list = byId("stale").querySelector("ul");
    for (const key of a.stale || []) {
      const row = byKey.get(key), mine = marks.get(row), theirs = a.rows[key];
      saved.set(row, theirs.mark);
      marks.set(row, theirs.mark);
      row.querySelector(".by").textContent = theirs.by || "";
      show(row);
      const li = document.createElement("li"), b = document.createElement("button");
      li.textContent = table.dataset.other.replace("{name}", name(row)).replace("{by}", theirs.by || "").replace("{mark}", whole(theirs.mark)) + " ";
      b.type = "button";
      b.textContent = table.dataset.mine.replace("{mark}", whole(mine));
      b.addEventListener("click", () => {
        go(rows.indexOf(row));
        mark(row, mine);
        li.remove();
        if (!list.children.length) byId("stale").hidden = true;
      });
      li.append(b);
      list.append(li);
    }
    if (a.note !== savedNote && sent.note) savedNote = a.note;
    byId("stale-said").textContent = a.said;
    byId("stale").hidden = false;
  };

  // save sends what is not saved yet, and gives back whether all of it is. What is
  // typed meanwhile goes with the next; wishes that did not come through stay.
  const save = (more) => {
    Object.assign(wishes, more);
    clearTimeout(timer);
    if (!sending) {
      sending = push().finally(() => {
        sending = null;
      });
    }
    return sending;
  };

  const push = async () => {
    for (;;) {
      const changed = rows.filter(unsaved);
      const noted = !composing && noteTyped();
      if (changed.length === 0 && !noted && Object.keys(wishes).length === 0) return true;
      const wish = wishes;
      wishes = {};
      const body = Object.assign({ marks: changed.map((r) => ({ pupil: r.dataset.pupil, was: saved.get(r), now: marks.get(r) })) }, wish);
      if (noted) body.note = { was: savedNote, now: note.value.trim() };
      if (over && meant) Object.assign(body, { over: true, why: byId("why").value });
      let a;
      try {
        a = await send(location.pathname, body, table.dataset.failed);
      } catch (e) {
        trouble(e.message);
        wishes = Object.assign(wish, wishes);
        // What the agent has understood and refused is not asked for again and again.
        if (e.status === 0 || e.status >= 500) {
          later(retry);
          retry = Math.min(2 * retry, RETRY_MOST);
        } else wishes = {};
        return false;
      }
      retry = RETRY;
      trouble("");
      if (a.wrong) {
        stale(a, body);
        stand(a, true);
        keep();
        continue; // the rest of what was typed, without the wish
      }
      byId("said").textContent = a.said;
      if (noted) savedNote = body.note.now;
      const sent = new Map(body.marks.map((m) => [m.pupil, m]));
      for (const key of Object.keys(a.rows)) {
        const row = byKey.get(key);
        if (row) settle(row, a.rows[key], sent.get(key));
      }
      stand(a, true);
      keep();
      look(LOOK_SOON);
    }
  };

  // look asks now and then how the sheet stands: whether the district has it, and
  // what others have marked.
  let looking = 0;
  const look = (ms) => {
    clearTimeout(looking);
    looking = setTimeout(async () => {
      if (document.visibilityState === "visible" && !sending) {
        const a = await poll(`${location.pathname}/now`);
        if (a && !sending) {
          for (const key of Object.keys(a.rows)) {
            const row = byKey.get(key);
            if (row && !unsaved(row)) settle(row, a.rows[key]);
          }
          if (note.value.trim() === savedNote && document.activeElement !== note) note.value = savedNote = a.note;
          stand(a, false);
        }
      }
      look(state.dataset.where === String(HERE) ? LOOK_SOON : LOOK_LATE);
    }, ms);
  };

  const digit = (n) => {
    const row = rows[cursor];
    if (mode === "row") {
      const kept = digits + n, at = Number(kept);
      if (at >= 1 && at <= rows.length) go(at - 1);
      mode = "row";
      digits = kept;
      typing(`${table.dataset.row} ${kept}`);
      return;
    }
    const now = marks.get(row);
    if (mode === "more") {
      digits = (digits + n).slice(-3);
      const value = Number(digits);
      if (now[0] === SICK) {
        if (!symptomName[value]) digits = String(n);
        if (symptomName[Number(digits)]) mark(row, [SICK, 0, Number(digits)]);
      } else if (value <= 600) mark(row, [now[0], value, 0]);
      return;
    }
    if (n === 0) {
      mode = "row";
      digits = "";
      typing(`${table.dataset.row} …`);
      return;
    }
    named = false;
    typing("");
    mark(row, now[0] === n ? now : [n, 0, 0]);
    if (n === LATE || n === EARLY || n === SICK) {
      mode = "more";
      digits = "";
    }
  };

  // fewer takes back the last digit of what is typed.
  const fewer = () => {
    digits = digits.slice(0, -1);
    const left = Number(digits), status = marks.get(rows[cursor])[0];
    if (mode === "row") {
      const kept = digits;
      if (left >= 1 && left <= rows.length) go(left - 1);
      mode = "row";
      digits = kept;
      typing(`${table.dataset.row} ${kept || "…"}`);
    } else if (status === SICK) mark(rows[cursor], [SICK, 0, symptomName[left] ? left : 0]);
    else mark(rows[cursor], [status, left, 0]);
  };

  const matches = () => rows.filter((r) => letters && r.dataset.initials.startsWith(letters));
  const letter = (c) => {
    const now = performance.now();
    letters = now - lettersAt < LETTERS_FOR ? letters + c : c;
    lettersAt = now;
    mode = "";
    const [first] = matches();
    if (first) go(rows.indexOf(first));
    named = true;
    typing(letters);
  };
  // next goes to the next pupil of the same initials.
  const next = () => {
    const all = matches();
    if (all.length === 0) {
      go(cursor + 1);
      return;
    }
    go(rows.indexOf(all[(all.indexOf(rows[cursor]) + 1) % all.length]));
    named = true;
    typing(letters);
  };

  // aside goes to the row beside this one, where the class lies in two columns.
  const aside = (n) => {
    const across = getComputedStyle(table.tBodies[0]).display === "grid";
    const to = cursor + (across ? n : 0);
    if (to >= 0 && to < rows.length) go(to);
  };

  const take = () => {
    if (shut()) nudge();
    else save({ take: true });
  };

  const keys = {
    ArrowDown: () => go(cursor + 1),
    ArrowUp: () => go(cursor - 1),
    ArrowRight: () => aside(half),
    ArrowLeft: () => aside(-half),
    Home: () => go(0),
    End: () => go(rows.length - 1),
    PageDown: () => go(cursor + 10),
    PageUp: () => go(cursor - 10),
    Space: next,
    Backspace: () => {
      if (mode && digits) {
        fewer();
        return;
      }
      mode = "";
      mark(rows[cursor], [PRESENT, 0, 0]);
    },
    Delete: () => keys.Backspace(),
    Escape: () => go(cursor),
    Enter: () => {
      // Who ends a number, or a name that has led here, does not take the roll by it.
      if (mode || named) go(cursor);
      else take();
    },
    NumpadEnter: () => keys.Enter(),
  };
  const MOVES = new Set(["ArrowDown", "ArrowUp", "PageDown", "PageUp"]);
  // Whom keys by themselves are in the way switches them off; the pad does it all.
  const on = byId("keys");
  on.checked = localStorage.getItem("roll-keys") !== "off";
  on.addEventListener("change", () => localStorage.setItem("roll-keys", on.checked ? "on" : "off"));

  document.addEventListener("keydown", (e) => {
    if (rows.length === 0 || unlocking || e.altKey || e.metaKey) return;
    // Just unlocked, the cursor may still be in the field for the PIN.
    const field = e.target.closest("input:not([type=checkbox]), select, textarea");
    if (field && !field.closest("dialog:not([open])")) {
      // An input method has its own use for Escape.
      if (e.key === "Escape" && !e.isComposing) field.blur();
      return;
    }
    if (e.ctrlKey) {
      if (e.code === "KeyY" || (e.code === "KeyZ" && e.shiftKey)) redo();
      else if (e.code === "KeyZ") undo();
      else return;
      e.preventDefault();
      return;
    }
    if (!on.checked) return;
    const d = /^(?:Digit|Numpad)([0-9])$/.exec(e.code), l = /^Key([A-Z])$/.exec(e.code);
    if (!l) lettersAt = -LETTERS_FOR; // the next letter begins another name
    // What has the focus keeps the keys that press it.
    const press = e.code === "Enter" || e.code === "NumpadEnter" || e.code === "Space";
    if (e.code === "Tab" && mode) go(cursor); // what was typed has ended, as everywhere
    if (d || l || (keys[e.code] && !(press && e.target.closest("button, a, summary, input")))) {
      e.preventDefault();
      // A finger that stays on a key means one digit, not 222 minutes.
      if (e.repeat && !MOVES.has(e.code)) return;
      if (d) digit(Number(d[1]));
      else if (l) letter(l[1].toLowerCase());
      else keys[e.code]();
    }
  });

  for (const row of rows) {
    row.addEventListener("click", () => {
      go(rows.indexOf(row));
      pad.classList.add("picking");
      row.scrollIntoView({ block: "nearest" });
    });
  }
  byId("fold").addEventListener("click", () => pad.classList.remove("picking"));
  // A pressed button must not keep Enter for itself; whoever came to it by keyboard
  // stays there.
  const press = (b, f) => b.addEventListener("click", (e) => {
    f(b);
    if (e.detail > 0) b.blur();
  });
  for (const b of pad.querySelectorAll("[data-status]")) {
    press(b, () => {
      mode = "";
      digit(Number(b.dataset.status));
    });
  }
  const finer = (f) => (b) => {
    mode = "";
    mark(rows[cursor], f(b, marks.get(rows[cursor])[0]));
    pad.classList.remove("picking");
  };
  for (const b of pad.querySelectorAll("[data-minutes]")) press(b, finer((b, status) => [status, Number(b.dataset.minutes), 0]));
  for (const b of pad.querySelectorAll("[data-symptom]")) press(b, finer((b) => [SICK, 0, Number(b.dataset.symptom)]));
  press(byId("take"), take);
  press(byId("undo"), undo);
  press(byId("redo"), redo);

  byId("seen").addEventListener("click", () => {
    byId("stale").querySelector("ul").textContent = "";
    byId("stale").hidden = true;
  });
  byId("change").addEventListener("click", () => {
    meant = true;
    byId("change").hidden = true;
    frame();
    count();
  });
  byId("close").addEventListener("click", () => save({ closed: true, reason: byId("reason").value }));
  byId("reopen").addEventListener("click", () => save({ reopen: true }));
  // What an input method has in hand is not written yet: its letters are kept from the
  // sheet until it has put them into words.
  note.addEventListener("compositionstart", () => {
    composing = true;
  });
  note.addEventListener("compositionend", () => {
    composing = false;
    later(SAVE_AFTER);
  });
  note.addEventListener("input", () => {
    if (!composing) later(SAVE_AFTER);
  });
  note.addEventListener("change", () => save({}));

  // Whoever goes to another page has saved before it opens; what the agent did not
  // take is here when he comes back. Who closes the window is asked.
  let leaving = false;
  document.addEventListener("click", async (e) => {
    const a = e.target.closest("a[href]");
    if (!a || a.target || e.defaultPrevented || e.ctrlKey || e.shiftKey || !dirty()) return;
    // Another person at a locked page does not wait for the first one's PIN.
    if (unlocking) {
      leaving = true;
      return;
    }
    e.preventDefault();
    await save({});
    leaving = true;
    location.href = a.href;
  });
  addEventListener("beforeunload", (e) => {
    if (leaving || !dirty()) return;
    save({});
    e.preventDefault();
    e.returnValue = "";
  });
  // Back from another page, what is saved is shown and not what was once loaded.
  addEventListener("pageshow", () => {
    leaving = false;
    look(0);
  });
  // Who looks at the page again, or has a network again, does not wait for the next
  // try, which may be long off.
  const again = () => {
    retry = RETRY;
    if (dirty()) save({});
    look(0);
  };
  addEventListener("focus", again);
  addEventListener("online", again);
  document.addEventListener("visibilitychange", again);

  if (rows.length >= HALVED && !document.documentElement.classList.contains("large")) {
    pad.parentElement.classList.add("halves");
    table.tBodies[0].style.setProperty("--half", half);
  }
  recover();
  rows.forEach(show);
  go(0);
  frame();
  count();
  if (dirty()) later(0);
}
