// The roll of a class by keys. Keys are told by where they lie on the keyboard
// (event.code), so that a Chinese input method that is switched on swallows none.
//
//   1-9            the status of the row
//   digits after 2 or 3: minutes; after 4: the symptom; Enter or an arrow ends them
//   letters        the first pupil whose name begins so in pinyin
//   0, digits      the row of that number
//   arrows, Home, End, PgUp, PgDn   another row
//   Backspace      simply present again
//   Ctrl Z, Ctrl Y undo, redo
//   Enter          the roll is taken: all others are present
"use strict";

{
  const PRESENT = 1, LATE = 2, EARLY = 3, SICK = 4;
  const CAME = new Set([1, 2, 3, 8, 9]); // statuses that count as present
  const SAVE_AFTER = 1500; // milliseconds without a key
  const LETTERS_FOR = 1200;

  const table = document.getElementById("roll");
  const rows = [...table.querySelectorAll("tr[data-pupil]")];
  const byId = (id) => document.getElementById(id);
  const statusName = {}, symptomName = {};
  for (const b of document.querySelectorAll("[data-status]")) statusName[b.dataset.status] = b.lastChild.textContent;
  for (const li of document.querySelectorAll("[data-symptom]")) symptomName[li.dataset.symptom] = li.textContent;

  const parse = (s) => s.split(",").map(Number);
  const same = (a, b) => a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
  // marks are what the page shows, saved what the agent has said it keeps.
  const marks = new Map(rows.map((r) => [r, parse(r.dataset.mark)]));
  const saved = new Map(rows.map((r) => [r, parse(r.dataset.mark)]));

  let cursor = 0;
  let mode = ""; // "more": digits go to minutes or symptom; "row": to a row's number
  let digits = "", letters = "", lettersAt = 0;
  const done = [], undone = []; // steps: {row, was, now}
  let timer = 0, sending = false, again = null;

  const show = (row) => {
    const [status, minutes, symptom] = marks.get(row);
    row.dataset.is = status;
    row.querySelector(".mark").textContent = status === PRESENT ? "" : statusName[status] || String(status);
    const more = row.querySelector(".more");
    if (status === LATE || status === EARLY) more.textContent = minutes ? `${minutes} ${table.dataset.minutes}` : "";
    else if (status === SICK) more.textContent = symptomName[symptom] || "";
    else more.textContent = "";
    row.classList.toggle("unsaved", !same(marks.get(row), saved.get(row)));
  };

  const count = () => {
    let present = 0, absent = 0;
    for (const row of rows) {
      if (row.classList.contains("gone")) continue;
      if (CAME.has(marks.get(row)[0])) present++;
      else absent++;
    }
    byId("n-present").textContent = present;
    byId("n-absent").textContent = absent;
    byId("undo").disabled = done.length === 0;
    byId("redo").disabled = undone.length === 0;
  };

  const go = (n) => {
    if (rows.length === 0) return;
    rows[cursor].classList.remove("cursor");
    cursor = Math.max(0, Math.min(rows.length - 1, n));
    rows[cursor].classList.add("cursor");
    rows[cursor].scrollIntoView({ block: "nearest" });
    mode = "";
    digits = "";
  };

  const put = (row, now) => {
    marks.set(row, now);
    show(row);
    count();
    clearTimeout(timer);
    timer = setTimeout(() => save({}), SAVE_AFTER);
  };

  const mark = (row, now) => {
    const was = marks.get(row);
    if (same(was, now)) return;
    const last = done[done.length - 1];
    if (mode === "more" && last && last.row === row) last.now = now;
    else done.push({ row, was, now });
    undone.length = 0;
    put(row, now);
  };

  const step = (from, to, pick) => {
    const s = from.pop();
    if (!s) return;
    to.push(s);
    go(rows.indexOf(s.row));
    put(s.row, s[pick]);
  };

  const trouble = (text) => {
    byId("trouble").textContent = text;
    byId("trouble").hidden = !text;
  };

  // save sends what is not saved yet. What is typed meanwhile goes with the next.
  const save = async (more) => {
    clearTimeout(timer);
    if (sending) {
      again = Object.assign(again || {}, more);
      return;
    }
    const changed = rows.filter((r) => !same(marks.get(r), saved.get(r)));
    if (changed.length === 0 && Object.keys(more).length === 0) return;
    sending = true;
    const sent = changed.map((r) => ({ pupil: r.dataset.pupil, was: saved.get(r), now: marks.get(r) }));
    try {
      const a = await send(location.pathname, Object.assign({ marks: sent }, more), table.dataset.failed);
      trouble(a.stale ? a.said : "");
      byId("said").textContent = a.stale ? "" : a.said;
      byId("state").dataset.state = a.state;
      byId("state").dataset.where = a.where;
      for (const row of rows) {
        const m = a.marks[row.dataset.pupil];
        if (!m) continue;
        // What was typed while the agent answered stays.
        const typed = !sent.some((s) => s.pupil === row.dataset.pupil && same(s.now, marks.get(row))) && !same(marks.get(row), saved.get(row));
        saved.set(row, m);
        if (!typed || (a.stale && a.stale.includes(row.dataset.pupil))) marks.set(row, m);
        show(row);
      }
      count();
    } catch (e) {
      trouble(e.message);
      if (e.status === 401) location.reload();
      else timer = setTimeout(() => save(more), 3000);
    } finally {
      sending = false;
      if (again) {
        const next = again;
        again = null;
        save(next);
      }
    }
  };

  const digit = (n) => {
    const row = rows[cursor];
    if (mode === "row") {
      digits += n;
      const at = Number(digits);
      const kept = digits;
      if (at >= 1 && at <= rows.length) {
        go(at - 1);
        mode = "row";
        digits = kept;
      }
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
      return;
    }
    mark(row, now[0] === n ? now : [n, 0, 0]);
    if (n === LATE || n === EARLY || n === SICK) {
      mode = "more";
      digits = "";
    }
  };

  const letter = (c) => {
    const now = performance.now();
    letters = now - lettersAt < LETTERS_FOR ? letters + c : c;
    lettersAt = now;
    const at = rows.findIndex((r) => r.dataset.initials.startsWith(letters));
    if (at >= 0) go(at);
  };

  const keys = {
    ArrowDown: () => go(cursor + 1),
    ArrowUp: () => go(cursor - 1),
    Home: () => go(0),
    End: () => go(rows.length - 1),
    PageDown: () => go(cursor + 10),
    PageUp: () => go(cursor - 10),
    Backspace: () => {
      mode = "";
      mark(rows[cursor], [PRESENT, 0, 0]);
    },
    Delete: () => keys.Backspace(),
    Escape: () => go(cursor),
    Enter: () => {
      if (mode) go(cursor);
      else save({ take: true });
    },
    NumpadEnter: () => keys.Enter(),
  };

  document.addEventListener("keydown", (e) => {
    if (rows.length === 0 || e.altKey || e.metaKey || e.target.closest("input, select, textarea")) return;
    if (e.ctrlKey) {
      if (e.code === "KeyZ") step(done, undone, "was");
      else if (e.code === "KeyY") step(undone, done, "now");
      else return;
      e.preventDefault();
      return;
    }
    const d = /^(?:Digit|Numpad)([0-9])$/.exec(e.code), l = /^Key([A-Z])$/.exec(e.code);
    if (d) digit(Number(d[1]));
    else if (l) letter(l[1].toLowerCase());
    // A focused button or link keeps Enter for itself.
    else if (keys[e.code] && !((e.code === "Enter" || e.code === "NumpadEnter") && e.target.closest("button, a"))) keys[e.code]();
    else return;
    e.preventDefault();
  });

  for (const row of rows) row.addEventListener("click", () => go(rows.indexOf(row)));
  for (const b of document.querySelectorAll("[data-status]")) {
    b.addEventListener("click", () => {
      mode = "";
      digit(Number(b.dataset.status));
      b.blur();
    });
  }
  byId("take").addEventListener("click", () => save({ take: true }));
  byId("undo").addEventListener("click", () => step(done, undone, "was"));
  byId("redo").addEventListener("click", () => step(undone, done, "now"));
  // Whoever leaves the page takes nothing with him that is not saved.
  addEventListener("beforeunload", (e) => {
    if (rows.some((r) => !same(marks.get(r), saved.get(r)))) {
      save({});
      e.preventDefault();
    }
  });

  rows.forEach(show);
  count();
  go(0);
}
