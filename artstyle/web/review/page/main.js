// Puts the parts together: data in, keys and buttons out, and a look at the server now and then.

import { get } from "./api.js";
import { Decisions } from "./decisions.js";
import * as dialogs from "./dialogs.js";
import { $, afterPointer, count, figureName, figureOrder, h, icon, plural, toast } from "./dom.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { listen } from "./keys.js";
import { Panel } from "./panel.js";
import { STANDINGS, Store } from "./store.js";
import { SORTS, View } from "./view.js";

const POLL_MS = 1500, POLL_HIDDEN_MS = 8000;

const about = await get("about");
const store = new Store();
const view = new View(store);
const grid = new Grid($("grid"), $("canvas"), store, view);
const decisions = new Decisions(store, about.by, (action, reason, states) => dialogs.askAboutConflict(store, action, reason, states));
const filters = new Filters($("filters"), store, view, { onRename: rename, onClear: clear });
const panel = new Panel($("panel"), store, {
  verdict: (action, i) => decide(action, [i], { goesOn: false }),
  untag: (tag, i) => decisions.tags([i], [], [tag]),
  tag: (i) => tag([i]),
  alike, goTo,
  moved: () => requestAnimationFrame(() => { grid.layout(); grid.reveal(); }),
});

// ---- deciding ----------------------------------------------------------------------------------

function decide(action, places = grid.targets(), { goesOn = true, reason = "" } = {}) {
  if (!places.length) return;
  const single = !grid.chosen.size && places.length === 1;
  decisions.verdict(action, places, reason);
  if (single && goesOn) {
    if (grid.focus + 1 < view.order.length) grid.moveTo(grid.focus + 1);
    else toast("That was the last one shown");
  }
  else if (places.length > 1) toast(`${action === "keep" ? "Kept" : "Dropped"} ${plural(places.length, "crop")}`, ["Undo", () => decisions.undo()]);
}

async function tag(places = grid.targets()) {
  if (!places.length) return;
  const name = await dialogs.askForTag(store, places);
  if (name) decisions.tags(places, [name]);
  grid.element.focus({ preventScroll: true });
}

async function dropWithReason() {
  const places = grid.targets();
  if (!places.length) return;
  const reason = await dialogs.askForReason(store, places);
  if (reason) decide("drop", places, { reason });
}

async function rename(old) {
  const name = await dialogs.askForName(store, old);
  if (name && name !== old) decisions.rename(old, name);
}

// ---- going about -------------------------------------------------------------------------------

function toUndecided(step) {
  const { order } = view;
  for (let at = grid.focus + step; at >= 0 && at < order.length; at += step) {
    if (store.undecided(order[at])) { grid.moveTo(at); return; }
  }
  toast(step > 0 ? "No undecided crop after this one" : "No undecided crop before this one");
}

function goTo(i) {
  if (!view.position.has(i)) {
    view.held.add(i);
    view.update([i]);
    if (!view.position.has(i)) { view.clear(); $("search").value = ""; }
  }
  grid.moveTo(view.position.get(i));
}

async function alike() {
  const i = grid.focused;
  if (i === null) return;
  try {
    const found = await get(`similar/${store.id[i]}`);
    view.alike = { to: i, by: found.by, distance: new Map(found.id.map((id, at) => [id, found.distance[at]])) };
    setSort("alike", false);
    toast(`The likest to ${store.name[i]} come first, by ${found.by}`);
  } catch (refusal) {
    toast([refusal.message, refusal.data?.hint].filter(Boolean).join(". Type: "), null, 7000);
  }
}

function setSort(sort, descending) {
  view.sort = sort;
  view.descending = descending;
  showSort();
  view.refresh();
  grid.moveTo(0, { keepChosen: true });
}

function history() {
  dialogs.showHistory(store, about.by, (batch) => decisions.undo(batch));
}

function escape() {
  if (grid.chosen.size) grid.chooseNone();
  else if (panel.isOpen) panel.close();
  else if (innerWidth <= 900) showFilters(false);
}

function open() {
  if (grid.focused === null) return;
  if (panel.isOpen) panel.widen();
  else panel.show(grid.focused);
}

function showFilters(yes) {
  $("filters").classList.toggle("closed", !yes);
  $("show-filters").setAttribute("aria-expanded", String(yes));
}

function setSize(px) {
  grid.setSize(px);
  $("cell-size").value = grid.size;
  remember("size", grid.size);
}

const isShut = () => $("filters").classList.contains("closed");

listen(grid, {
  keep: () => decide("keep"), drop: () => decide("drop"), dropWithReason, tag: () => tag(), undo: () => decisions.undo(),
  next: () => toUndecided(1), previous: () => toUndecided(-1), chooseAll: () => grid.chooseAll(),
  alike, refresh: () => view.refresh(), open, escape,
  filters: () => showFilters(isShut()), search: () => $("search").select(),
  history, help: dialogs.help,
  larger: () => setSize(grid.size + 16), smaller: () => setSize(grid.size - 16),
});

// ---- drawing -----------------------------------------------------------------------------------

function showTally() {
  const tally = Object.fromEntries(STANDINGS.map((name) => [name, 0]));
  for (let i = 0; i < store.size; i++) tally[store.standing(i)]++;
  const proposed = tally["keep-proposed"] + tally["drop-proposed"];
  const parts = [`${count(tally.keep)} kept`, `${count(tally.drop)} dropped`, `${count(proposed)} proposed`, `${count(tally.open)} undecided`];
  const bars = [["keep", tally.keep], ["drop", tally.drop], ["proposed", proposed], ["", tally.open]];
  const bar = $("progress");
  bar.setAttribute("aria-label", parts.join(", "));
  bar.title = parts.join(" · ");
  if (!bar.children.length) bar.append(...bars.map(([name]) => h("i", { class: name })));
  bars.forEach(([, number], at) => { bar.children[at].style.flexGrow = number; });
  const shown = view.isFiltered ? `${count(view.order.length)} of ${plural(store.size, "crop")}` : plural(store.size, "crop");
  $("tally").textContent = `${shown} · ${count(tally.keep + tally.drop)} decided`;
}

function showEmpty() {
  const room = $("empty");
  room.hidden = view.order.length > 0;
  if (!room.hidden) {
    room.replaceChildren(...(store.size
      ? [h("h2", { text: "Nothing matches" }), h("p", { text: "No crop is like that." }), h("button", { class: "button", text: "Clear the filters", onclick: clear })]
      : [h("h2", { text: "No crops yet" }), h("p", { text: "They appear here by themselves as soon as there are some:" }), h("code", { text: `artstyle extract --style ${about.style} --video film.mkv` })]));
  }
}

function clear() {
  $("search").value = "";
  view.clear();
}

function showStale() {
  const bar = $("stale");
  bar.hidden = !view.held.size;
  if (!bar.hidden) bar.replaceChildren(`${plural(view.held.size, "crop")} no longer ${view.held.size === 1 ? "matches" : "match"}`,
    h("button", { class: "button", onclick: () => view.refresh() }, "Refresh", h("kbd", { text: "r" })));
}

function showChosen() {
  const bar = $("chosen");
  bar.hidden = grid.chosen.size < 1;
  if (bar.hidden) return;
  const button = (name, label, key, action) => h("button", { class: `button ${name}`, onclick: action }, icon(name), label, h("kbd", { text: key }));
  bar.replaceChildren(h("strong", { text: `${count(grid.chosen.size)} selected` }), button("keep", "Keep", "k", () => decide("keep")), button("drop", "Drop", "x", () => decide("drop")),
    button("tag", "Tag", "t", () => tag()), h("button", { class: "icon-button", "aria-label": "Select none", title: "Select none (Esc)", onclick: () => grid.chooseNone() }, icon("close")));
}

function showSort() {
  const select = $("sort");
  const names = figureOrder(store.figures.keys());
  const key = [...names, view.alike ? "alike" : ""].join();
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    const option = (value, text) => h("option", { value, text });
    const plain = Object.entries(SORTS).filter(([name]) => name !== "alike" || view.alike);
    select.replaceChildren(...plain.map(([name, text]) => option(name, text)), h("optgroup", { label: "Figures" }, names.map((name) => option(name, figureName(name)))));
  }
  select.value = view.sort;
  $("direction").replaceChildren(icon(view.descending ? "down" : "up"));
  $("direction").setAttribute("aria-label", view.descending ? "Descending" : "Ascending");
  $("direction").title = view.descending ? "The largest first" : "The smallest first";
}

let settled = null;

function redraw() {
  showTally();
  showEmpty();
  showStale();
}

view.addEventListener("change", () => {
  const key = JSON.stringify([view.text, view.sort, view.descending, [...view.ranges], Object.values(view.chosen).map((set) => [...set])]);
  grid.changed({ toTop: key !== settled });
  settled = key;
  redraw();
  if (!filters.quiet) filters.draw();
});
grid.addEventListener("focus", () => {
  if (panel.isOpen) { if (grid.focused === null) panel.close(); else panel.show(grid.focused); }
});
grid.addEventListener("chosen", showChosen);
grid.addEventListener("open", open);
store.addEventListener("rows", ({ detail: { places, fresh } }) => {
  showSort();
  const moved = view.update(places);
  grid.redress(places);
  if (!moved) redraw();
  if (fresh || !moved) filters.soon();
  panel.changed(places);
});
store.addEventListener("states", ({ detail: { places } }) => {
  const moved = view.update(places);
  grid.redress(places);
  if (!moved) redraw();
  filters.soon();
  panel.changed(places);
});

// ---- the bar -----------------------------------------------------------------------------------

$("style-name").textContent = about.style;
document.title = `${about.style} · review`;
$("show-filters").addEventListener("click", () => showFilters(isShut()));
$("show-help").addEventListener("click", dialogs.help);
$("show-history").addEventListener("click", history);
$("search").addEventListener("input", () => { view.text = $("search").value; view.refresh(); });
for (const name of ["sort", "cell-size"]) afterPointer($(name), () => grid.element.focus({ preventScroll: true }));
afterPointer($("filters"), (target) => { if (target.type === "range") grid.element.focus({ preventScroll: true }); });
$("sort").addEventListener("change", () => setSort($("sort").value, $("sort").value in SORTS ? false : view.descending));
$("direction").addEventListener("click", () => setSort(view.sort, !view.descending));
$("cell-size").addEventListener("input", () => setSize(Number($("cell-size").value)));
$("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("theme", root.dataset.theme);
});

function remember(name, value) {
  try { localStorage.setItem(`artstyle-${name}`, value); } catch { /* storage is switched off */ }
}

function remembered(name) {
  try { return localStorage.getItem(`artstyle-${name}`); } catch { return null; }
}

// ---- the server --------------------------------------------------------------------------------

function alarm(refusal) {
  const bar = $("alert");
  bar.hidden = !refusal;
  if (!refusal) return;
  const unsaved = decisions.waiting ? ` ${plural(decisions.waiting, "decision")} not written yet: this page keeps trying.` : "";
  const what = refusal.status === 403 ? "This review was closed and opened anew: go to the address that was printed last." : "The review does not answer. Was it ended?";
  bar.replaceChildren(h("strong", { text: what }), unsaved);
}

decisions.addEventListener("silence", (event) => alarm(event.detail));
addEventListener("beforeunload", (event) => { if (decisions.waiting) event.preventDefault(); });

async function poll() {
  let again = document.hidden ? POLL_HIDDEN_MS : POLL_MS;
  try {
    const data = await get(`changes?since=${store.number}`);
    store.add(data);
    if (data.more) again = 0;
    if (!decisions.silent) alarm(null);
  } catch (refusal) {
    alarm(refusal);
  }
  polling = setTimeout(poll, again);
}

let polling = 0;
document.addEventListener("visibilitychange", () => { if (!document.hidden) { clearTimeout(polling); poll(); } });

if (innerWidth <= 900) showFilters(false);
setSize(Number(remembered("size")) || 112);
store.add(await get("data"));
showSort();
view.refresh();
grid.element.focus();
document.body.dataset.ready = "yes";
poll();

// For whoever looks at the page from outside: the console, and tests.
window.review = { store, view, grid, decisions, panel };
