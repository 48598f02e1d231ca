// The grid: as tall as all crops would be, and only those near the window are there.

import { thumbnail } from "./api.js";
import { figure, h, icon } from "./dom.js";

const PADDING = 12, GAP = 7, OVERSCAN_ROWS = 2;
const FOOT_PX = 56;        // room under the last row for the bar of a selection
const FAST_PX = 2600;      // a scroll of so many pixels in a frame or two: pictures wait
const SETTLES_MS = 90;
const SMALL_PX = 88;       // below, cells have no room for words
const MARKS = { keep: "keep", drop: "drop", "keep-proposed": "keep", "drop-proposed": "drop" };

export class Grid extends EventTarget {
  constructor(element, canvas, store, view) {
    super();
    Object.assign(this, { element, canvas, store, view });
    this.size = 112;
    this.columns = 1;
    this.cell = this.size;
    this.focus = 0;          // a position in the view
    this.focused = null;     // the place in the store that stands there
    this.anchor = 0;         // where a range begins
    this.chosen = new Set(); // places in the store
    this.shown = new Map();  // place -> its element
    this.spare = [];
    this.last = 0;
    element.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.layout()).observe(element);
    canvas.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); });
    canvas.addEventListener("click", (event) => this.#clicked(event));
    canvas.addEventListener("dblclick", () => this.dispatchEvent(new Event("open")));
  }

  get rows() { return Math.ceil(this.view.order.length / this.columns); }

  setSize(px) {
    this.size = Math.min(256, Math.max(64, px));
    this.layout();
  }

  /** Work out columns and heights, and stay where one was. */
  layout() {
    const width = this.element.clientWidth - 2 * PADDING;
    if (width <= 0) return;
    const top = this.#anchorRow();
    this.columns = Math.max(1, Math.floor((width + GAP) / (this.size + GAP)));
    this.cell = (width - GAP * (this.columns - 1)) / this.columns;
    this.canvas.style.height = `${this.#height()}px`;
    this.element.classList.toggle("small", this.cell < SMALL_PX);
    if (top) this.#returnTo(top);
    this.render(true);
  }

  #height() {
    return 2 * PADDING + FOOT_PX + Math.max(0, this.rows * (this.cell + GAP) - GAP);
  }

  /** The view is another one: keep the focus on its crop, at its place in the window. */
  changed({ toTop = false } = {}) {
    const before = this.focused;
    const offset = this.#offsetOf(this.focus);
    const wasSeen = offset > -this.cell && offset < this.element.clientHeight;
    const kept = before === null ? undefined : this.view.position.get(before);
    this.focus = Math.max(0, Math.min(kept ?? (toTop ? 0 : this.focus), this.view.order.length - 1));
    for (const i of this.chosen) if (!this.view.position.has(i)) this.chosen.delete(i);
    this.canvas.style.height = `${this.#height()}px`;
    if (toTop) { if (kept === undefined) this.element.scrollTop = 0; else this.reveal(); }
    else if (wasSeen) this.element.scrollTop += this.#offsetOf(this.focus) - offset;
    this.#focusMoved(before !== (this.view.order[this.focus] ?? null));
    this.render(true);
    this.dispatchEvent(new Event("chosen"));
  }

  #offsetOf(position) {
    return PADDING + Math.floor(position / this.columns) * (this.cell + GAP) - this.element.scrollTop;
  }

  #anchorRow() {
    const offset = this.#offsetOf(this.focus);
    const seen = offset > -this.cell && offset < this.element.clientHeight;
    const first = Math.floor((this.element.scrollTop - PADDING) / (this.cell + GAP)) * this.columns;
    return seen ? { position: this.focus, offset } : { position: Math.max(0, first), offset: 0 };
  }

  #returnTo({ position, offset }) {
    this.element.scrollTop += this.#offsetOf(position) - offset;
  }

  #soon() {
    if (this.planned) return;
    this.planned = requestAnimationFrame(() => { this.planned = 0; this.render(); });
  }

  /** Draw what is near the window. */
  render(all = false) {
    const { order } = this.view;
    const step = this.cell + GAP;
    const top = this.element.scrollTop, height = this.element.clientHeight;
    const fast = Math.abs(top - this.last) > FAST_PX;
    this.last = top;
    const first = Math.max(0, Math.floor((top - PADDING) / step) - OVERSCAN_ROWS) * this.columns;
    const end = Math.min(order.length, (Math.ceil((top + height - PADDING) / step) + OVERSCAN_ROWS) * this.columns);
    const wanted = new Set();
    for (let at = first; at < end; at++) wanted.add(order[at]);
    for (const [i, element] of this.shown) if (!wanted.has(i)) this.#away(i, element);
    for (let at = first; at < end; at++) this.#place(order[at], at, all, fast);
    while (this.spare.length > 40) this.spare.pop().remove();
    if (fast) {
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.render(true), SETTLES_MS);
    }
  }

  #away(i, element) {
    this.shown.delete(i);
    element.firstChild.removeAttribute("src"); // what has not come yet need not come
    element.hidden = true;
    element.removeAttribute("id");
    this.spare.push(element);
  }

  #place(i, at, all, fast) {
    let element = this.shown.get(i);
    if (!element) {
      element = this.spare.pop() || this.#made();
      element.hidden = false;
      element.id = `crop-${this.store.id[i]}`;
      this.shown.set(i, element);
      all = true;
    }
    const image = element.firstChild;
    if (!fast) {
      const address = thumbnail(this.store, i);
      if (image.getAttribute("src") !== address) {
        element.classList.remove("gone");
        image.src = address;
      }
    }
    if (!all && element.at === at) return;
    element.at = at;
    const x = PADDING + (at % this.columns) * (this.cell + GAP);
    const y = PADDING + Math.floor(at / this.columns) * (this.cell + GAP);
    element.style.transform = `translate(${x}px, ${y}px)`;
    element.style.width = element.style.height = `${this.cell}px`;
    element.setAttribute("aria-posinset", at + 1);
    element.setAttribute("aria-setsize", this.view.order.length);
    this.#dress(element, i);
  }

  #made() {
    const image = h("img", { alt: "", draggable: "false", decoding: "async" });
    const element = h("div", { class: "cell", role: "option" }, image,
      h("span", { class: "mark" }), h("span", { class: "value" }), h("span", { class: "tags" }));
    image.addEventListener("error", () => { if (image.hasAttribute("src")) element.classList.add("gone"); });
    this.canvas.append(element);
    return element;
  }

  #dress(element, i) {
    const { store } = this;
    const standing = store.standing(i);
    const chosen = this.chosen.has(i), focused = i === this.focused;
    const gone = element.classList.contains("gone");
    element.className = `cell ${standing}${chosen ? " chosen" : ""}${focused ? " focused" : ""}${store.waiting[i] ? " pending" : ""}${gone ? " gone" : ""}`;
    const [, mark, value, tags] = element.children;
    if (mark.dataset.kind !== standing) {
      mark.dataset.kind = standing;
      mark.replaceChildren(...(MARKS[standing] ? [icon(MARKS[standing])] : []));
    }
    const number = this.view.valueOf(i);
    value.textContent = number === null || Number.isNaN(number) ? "" : figure(number);
    tags.textContent = store.tags[i].filter((tag) => !tag.startsWith("cluster:")).join(", ");
    element.setAttribute("aria-selected", chosen || focused);
    element.setAttribute("aria-label", this.#spoken(i, standing));
  }

  #spoken(i, standing) {
    const { store } = this;
    const verdict = { keep: "kept", drop: "dropped", "keep-proposed": "proposed to keep", "drop-proposed": "proposed to drop", open: "undecided" }[standing];
    const why = store.verdict[i] && store.reason[i] ? `: ${store.reason[i]}` : "";
    const tags = store.tags[i].length ? `, tagged ${store.tags[i].join(", ")}` : "";
    return `${store.name[i]}, ${verdict}${why}${tags}`;
  }

  /** Draw rows again whose state has changed. */
  redress(places) {
    for (const i of places) {
      const element = this.shown.get(i);
      if (element) this.#dress(element, i);
    }
  }

  /** Move the focus to a position; with `extend`, everything from the anchor on is chosen. */
  moveTo(position, { extend = false, keepChosen = false } = {}) {
    const { order } = this.view;
    if (!order.length) return;
    const to = Math.max(0, Math.min(order.length - 1, position));
    if (extend) {
      this.#choose(order.slice(Math.min(this.anchor, to), Math.max(this.anchor, to) + 1));
    } else {
      this.anchor = to;
      if (!keepChosen && this.chosen.size) this.#choose([]);
    }
    this.focus = to;
    this.#focusMoved(true);
    this.reveal();
    this.render();
  }

  #focusMoved(tell) {
    const old = this.focused;
    this.focused = this.view.order[this.focus] ?? null;
    this.redress([old, this.focused].filter((i) => i !== null));
    if (this.focused === null) this.element.removeAttribute("aria-activedescendant");
    else this.element.setAttribute("aria-activedescendant", `crop-${this.store.id[this.focused]}`);
    if (tell) this.dispatchEvent(new Event("focus"));
  }

  /** Scroll no farther than is needed to see the focus. */
  reveal() {
    const offset = this.#offsetOf(this.focus), height = this.element.clientHeight;
    if (offset < PADDING) this.element.scrollTop += offset - PADDING;
    else if (offset + this.cell > height - PADDING) this.element.scrollTop += offset + this.cell - height + PADDING;
  }

  chooseAll() { this.#choose(this.view.order); }
  chooseNone() { this.#choose([]); }

  #choose(places) {
    const old = this.chosen;
    this.chosen = new Set(places);
    this.redress([...this.shown.keys()].filter((i) => old.has(i) !== this.chosen.has(i)));
    this.dispatchEvent(new Event("chosen"));
  }

  /** What a decision is about: the selection, else the crop in focus. */
  targets() {
    if (this.chosen.size) return this.view.order.filter((i) => this.chosen.has(i));
    return this.focused === null ? [] : [this.focused];
  }

  #clicked(event) {
    const element = event.target.closest(".cell");
    if (!element) return;
    this.element.focus({ preventScroll: true });
    if (event.shiftKey) this.moveTo(element.at, { extend: true });
    else if (event.ctrlKey || event.metaKey) {
      const i = this.view.order[element.at];
      const chosen = new Set(this.chosen.size || this.focused === null ? this.chosen : [this.focused]);
      if (!chosen.delete(i)) chosen.add(i);
      this.moveTo(element.at, { keepChosen: true });
      this.#choose(chosen);
    } else this.moveTo(element.at);
  }

  get rowsPerPage() { return Math.max(1, Math.floor(this.element.clientHeight / (this.cell + GAP)) - 1); }
}
