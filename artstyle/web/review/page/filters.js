// The filters: what crops are, and where their figures lie.

import { count, figure, figureName, figureOrder, h, icon, s } from "./dom.js";
import { STANDINGS } from "./store.js";

const STANDING_NAMES = { keep: "Kept", drop: "Dropped", "keep-proposed": "Proposed to keep", "drop-proposed": "Proposed to drop", open: "Undecided" };
const BINS = 44, STEPS = 200;
const MOST_CHOICES = 300;
const REDRAW_MS = 1200; // while crops come in

export class Filters {
  constructor(element, store, view, { onRename, onClear }) {
    Object.assign(this, { element, store, view, onRename, onClear });
    this.open = new Map([["standing", true], ["tag", true], ["reason", true], ["split", false], ["source", false], ["figures", true]]);
    this.redrawn = 0;
    this.dragged = false; // a slider is held: it must not be drawn anew under the hand
    element.addEventListener("pointerdown", (event) => { this.dragged = event.target.type === "range"; });
    addEventListener("pointerup", () => { this.dragged = false; });
  }

  /** Draw soon: at once if that was long ago. */
  soon() {
    if (this.planned) return;
    const wait = Math.max(0, this.redrawn + REDRAW_MS - performance.now());
    this.planned = setTimeout(() => { this.planned = null; this.draw(); }, wait);
  }

  draw() {
    if (this.dragged) { this.soon(); return; }
    this.redrawn = performance.now();
    const { element, view } = this;
    const top = element.scrollTop;
    const inside = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.clearing = h("button", { class: "button quiet", text: "Clear", "data-key": "clear", disabled: !view.isFiltered, onclick: this.onClear });
    element.replaceChildren(h("div", { class: "head" }, h("h2", { text: "Filters" }), this.clearing),
      ...this.#facets(), this.#figures() || "");
    element.scrollTop = top;
    if (inside) element.querySelector(`[data-key="${CSS.escape(inside)}"]`)?.focus({ preventScroll: true });
  }

  #facets() {
    const { store } = this;
    const tally = { standing: new Map(), tag: new Map(), reason: new Map(), split: new Map(), source: new Map() };
    const titles = new Map();
    const add = (facet, key) => tally[facet].set(key, (tally[facet].get(key) || 0) + 1);
    for (let i = 0; i < store.size; i++) {
      add("standing", store.standing(i));
      if (store.verdict[i] && store.reason[i]) add("reason", store.reasonKind(i));
      if (store.split[i]) add("split", store.split[i]);
      if (!store.tags[i].length) add("tag", "");
      for (const tag of store.tags[i]) add("tag", tag);
      const source = store.sources.get(store.source[i]);
      add("source", source.group);
      titles.set(source.group, source.title);
    }
    const named = (a, b) => (a === "") - (b === "") || a.localeCompare(b, undefined, { numeric: true });
    const most = (a, b) => tally.reason.get(b) - tally.reason.get(a) || a.localeCompare(b);
    const facets = [
      ["standing", "Verdict", STANDINGS, (key) => STANDING_NAMES[key]],
      ["tag", "Tags and clusters", [...tally.tag.keys()].sort(named), (key) => key || "without a tag"],
      ["reason", "Reason", [...tally.reason.keys()].sort(most), (key) => key],
      ["split", "Split", [...tally.split.keys()].sort(), (key) => key],
      ["source", "Source", [...tally.source.keys()].sort((a, b) => named(titles.get(a), titles.get(b))), (key) => titles.get(key)],
    ];
    return facets.filter(([facet, , keys]) => keys.length > (facet === "tag" ? 1 : 0) || this.view.chosen[facet].size)
      .map(([facet, title, keys, name]) => this.#facet(facet, title, keys, name, tally[facet]));
  }

  #facet(facet, title, keys, name, tally) {
    const chosen = this.view.chosen[facet];
    const rows = keys.slice(0, MOST_CHOICES).map((key) => this.#choice(facet, key, name(key), tally.get(key) || 0));
    const more = keys.length > MOST_CHOICES ? [h("p", { class: "muted", text: `and ${count(keys.length - MOST_CHOICES)} more: search for them` })] : [];
    return this.#section(facet, title, chosen.size || "", h("div", { class: "choices scrolls" }, rows, more));
  }

  #section(key, title, badge, content) {
    return h("details", { class: "facet", open: this.open.get(key), ontoggle: (event) => this.open.set(key, event.target.open) },
      h("summary", { "data-key": `open ${key}` }, title, h("b", { text: badge })), content);
  }

  #choice(facet, key, name, number) {
    const chosen = this.view.chosen[facet];
    const change = (event) => {
      if (event.target.checked) chosen.add(key); else chosen.delete(key);
      this.view.refresh();
    };
    const dot = facet === "standing" ? h("span", { class: `dot ${key}` }) : null;
    const rename = facet === "tag" && key ? h("button", {
      class: "icon-button rename", "aria-label": `Rename ${key}`, title: `Rename ${key}`,
      onclick: (event) => { event.preventDefault(); this.onRename(key); },
    }, icon("edit")) : null;
    return h("label", { class: "choice", title: name },
      h("input", { type: "checkbox", checked: chosen.has(key), onchange: change, "data-key": `${facet} ${key}` }),
      dot, h("span", { class: "label", text: name }), rename, h("span", { class: "count", text: count(number) }));
  }

  #figures() {
    const names = figureOrder(this.store.figures.keys()).filter((name) => {
      const sorted = this.store.spread(name);
      return sorted.length && sorted[0] < sorted.at(-1);
    });
    if (!names.length) return null;
    return this.#section("figures", "Figures", this.view.ranges.size || "", h("div", {}, names.map((name) => this.#range(name))));
  }

  #range(name) {
    const sorted = this.store.spread(name);
    const [low, high] = borders(sorted);
    const given = this.view.ranges.get(name) || [-Infinity, Infinity];
    const toStep = (value) => Math.round(Math.min(1, Math.max(0, (value - low) / (high - low))) * STEPS);
    const toValue = (step) => low + ((high - low) * step) / STEPS;
    const title = figureName(name);
    const said = h("span", {});
    const plot = s("svg", { class: "plot", viewBox: `0 0 ${BINS} 10`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const bars = bins(sorted, low, high, BINS);
    const element = h("div", { class: "range" });
    const slide = (word, step) => h("input", { type: "range", min: 0, max: STEPS, value: step, "aria-label": `${title}: ${word}`, "data-key": `${name} ${word}` });
    const least = slide("at least", toStep(given[0]));
    const most = slide("at most", toStep(given[1]));
    const show = () => {
      const [a, b] = [Number(least.value), Number(most.value)];
      const limits = [a > 0 ? toValue(a) : -Infinity, b < STEPS ? toValue(b) : Infinity];
      const active = a > 0 || b < STEPS;
      element.classList.toggle("active", active);
      const [from, to] = limits.map((value) => (Number.isFinite(value) ? figure(value) : null));
      said.textContent = !active ? `${figure(sorted[0])} to ${figure(sorted.at(-1))}` : from && to ? `${from} to ${to}` : from ? `from ${from}` : `up to ${to}`;
      plot.replaceChildren(...bars.map((height, at) => s("rect", {
        x: at + 0.08, width: 0.84, y: 10 - height * 10, height: height * 10,
        class: active && (at + 0.5) / BINS * STEPS >= a && (at + 0.5) / BINS * STEPS <= b ? "inside" : "",
      })));
      return active ? limits : null;
    };
    const slid = (moved, other, isWrong) => () => {
      if (isWrong()) moved.value = other.value;
      const limits = show();
      if (limits) this.view.ranges.set(name, limits); else this.view.ranges.delete(name);
      this.clearing.disabled = !this.view.isFiltered;
      cancelAnimationFrame(this.sliding);
      this.sliding = requestAnimationFrame(() => { this.quiet = true; this.view.refresh(); this.quiet = false; });
    };
    least.addEventListener("input", slid(least, most, () => Number(least.value) > Number(most.value)));
    most.addEventListener("input", slid(most, least, () => Number(most.value) < Number(least.value)));
    for (const input of [least, most]) input.addEventListener("change", () => this.draw());
    show();
    element.append(h("div", { class: "top" }, h("span", { text: title }), said), plot, h("div", { class: "slides" }, least, most));
    return element;
  }
}

/** Where nearly all figures lie: a few far out shall not press the others together. */
export function borders(sorted) {
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  const low = at(0.004), high = at(0.996);
  return low < high ? [low, high] : [sorted[0], sorted.at(-1)];
}

/** A histogram; heights from 0 to 1, with square roots so that thin bars can be seen. */
export function bins(sorted, low, high, number) {
  const counts = new Array(number).fill(0);
  for (const value of sorted) {
    const at = Math.floor(((value - low) / (high - low)) * number);
    counts[Math.min(number - 1, Math.max(0, at))]++;
  }
  const top = Math.sqrt(Math.max(1, ...counts));
  return counts.map((n) => (n ? Math.max(0.06, Math.sqrt(n) / top) : 0));
}
