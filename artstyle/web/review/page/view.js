// Which crops are shown, and in which order.

export const SORTS = { source: "Source and time", time: "Time in the film", name: "Name", newest: "Newest first", alike: "Likeness" };

export class View extends EventTarget {
  constructor(store) {
    super();
    this.store = store;
    this.order = [];        // places in the store, as they are shown
    this.position = new Map(); // place -> where it stands in `order`
    this.held = new Set();  // places that match no longer, and stay until the view is refreshed
    this.sort = "source";
    this.descending = false;
    this.alike = null;      // {to, by, distance: Map(id -> distance)}
    this.clear(true);
  }

  /** Show everything. */
  clear(quietly = false) {
    this.text = "";
    this.chosen = { standing: new Set(), tag: new Set(), reason: new Set(), split: new Set(), source: new Set() };
    this.ranges = new Map(); // figure -> [least or -Infinity, most or Infinity]
    if (!quietly) this.refresh();
  }

  get isFiltered() {
    return Boolean(this.text || this.ranges.size || Object.values(this.chosen).some((set) => set.size));
  }

  matches(i) {
    const { store, chosen } = this;
    if (chosen.standing.size && !chosen.standing.has(store.standing(i))) return false;
    if (chosen.source.size && !chosen.source.has(store.sources.get(store.source[i]).group)) return false;
    if (chosen.split.size && !chosen.split.has(store.split[i] || "")) return false;
    if (chosen.reason.size && !(store.verdict[i] && chosen.reason.has(store.reasonKind(i)))) return false;
    if (chosen.tag.size && !store.tags[i].some((tag) => chosen.tag.has(tag))
      && !(chosen.tag.has("") && !store.tags[i].length)) return false;
    for (const [name, [least, most]] of this.ranges) {
      const value = store.figures.get(name)?.[i];
      if (!(value >= least && value <= most)) return false;
    }
    return !this.words.length || this.#says(i);
  }

  #says(i) {
    const { store } = this;
    const all = [store.name[i], store.sources.get(store.source[i])?.path, store.reason[i], store.by[i],
      ...store.tags[i]].join("\n").toLowerCase();
    return this.words.every((word) => all.includes(word));
  }

  /** Work out anew what is shown; what was held goes. */
  refresh() {
    this.held.clear();
    this.#compute();
  }

  /** Take in new rows and changed ones; what is shown stays until `refresh`. */
  update(places) {
    this.words = words(this.text);
    let moved = false;
    for (const i of places) {
      const fits = this.matches(i), shown = this.position.has(i);
      if (shown && !fits && !this.held.has(i)) { this.held.add(i); moved = true; }
      else if (this.held.has(i) && fits) { this.held.delete(i); moved = true; }
      if (fits && !shown) moved = true;
    }
    if (moved) this.#compute();
    return moved;
  }

  #compute() {
    this.words = words(this.text);
    const order = [];
    for (let i = 0; i < this.store.size; i++) if (this.held.has(i) || this.matches(i)) order.push(i);
    this.#arrange(order);
    this.order = order;
    this.position = new Map(order.map((i, at) => [i, at]));
    this.dispatchEvent(new Event("change"));
  }

  #arrange(order) {
    const { store, sort } = this;
    const sign = this.descending ? -1 : 1;
    const home = (a, b) => store.source[a] - store.source[b] || store.time[a] - store.time[b] || store.id[a] - store.id[b];
    if (sort === "source") {
      const place = new Map([...store.sources.values()].sort((a, b) => compare(a.path, b.path)).map((one, at) => [one.id, at]));
      order.sort((a, b) => sign * (place.get(store.source[a]) - place.get(store.source[b])) || sign * (store.time[a] - store.time[b]) || store.id[a] - store.id[b]);
    } else if (sort === "name") {
      order.sort((a, b) => sign * compare(store.name[a], store.name[b]) || home(a, b));
    } else {
      const key = this.#keys();
      // What has no figure comes last, whichever way.
      order.sort((a, b) => {
        const x = key(a), y = key(b);
        const lacksX = Number.isNaN(x), lacksY = Number.isNaN(y);
        if (lacksX || lacksY) return lacksX - lacksY || home(a, b);
        return sign * (x - y) || home(a, b);
      });
    }
  }

  #keys() {
    const { store, sort } = this;
    if (sort === "time") return (i) => store.time[i];
    if (sort === "newest") return (i) => -store.id[i];
    if (sort === "alike") return (i) => (i === this.alike?.to ? -1 : this.alike?.distance.get(store.id[i]) ?? NaN);
    const column = store.figures.get(sort) || [];
    return (i) => column[i] ?? NaN;
  }

  /** The figure that crops are sorted by, as it is written on them. */
  valueOf(i) {
    if (this.sort === "alike") return this.alike?.distance.get(this.store.id[i]) ?? null;
    const column = this.store.figures.get(this.sort);
    return column ? column[i] : null;
  }
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
function compare(a, b) { return collator.compare(a, b); }
function words(text) { return text.toLowerCase().split(/\s+/).filter(Boolean); }
