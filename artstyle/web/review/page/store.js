// All crops as columns, as the server sent them, and what was decided here and is on its way.

/** Standings: keep, drop: a person's; keep-proposed, drop-proposed: a command's; open: none. */
export const STANDINGS = ["keep", "drop", "keep-proposed", "drop-proposed", "open"];
const COMMAND = "artstyle ";
const VERDICTS = [null, "keep", "drop"];

export class Store extends EventTarget {
  constructor() {
    super();
    this.number = 0;       // of the last change seen
    this.sources = new Map(); // id -> {path, name, kind, licence}
    this.at = new Map();   // id of a crop -> its place in the columns
    for (const name of ["id", "source", "time", "shot", "name", "sha", "verdict", "upon", "reason",
      "by", "why", "tags", "split", "waiting"]) this[name] = [];
    this.figures = new Map(); // name -> column; NaN where there is none
    this.sorted = new Map();  // name -> Float64Array of what there is, ascending
  }

  get size() { return this.id.length; }

  /** Take in what the server knows; rows that are known already are brought up to date. */
  add(data) {
    this.number = data.number;
    if (!data.rows) return;
    for (const [id, path, kind, licence] of data.sources) {
      const parts = path.split("/");
      const name = parts.pop();
      // Films stand for themselves, pictures for their folder: there may be thousands of them.
      const group = kind === "image" ? parts.join("/") || "." : path;
      const title = kind === "image" ? `${parts.at(-1) || "."}/` : name;
      this.sources.set(id, { id, path, kind, licence, name, group, title });
    }
    const rows = data.rows, places = [];
    const fresh = [];
    for (let r = 0; r < rows.id.length; r++) {
      let i = this.at.get(rows.id[r]);
      if (i === undefined) {
        i = this.id.length;
        this.at.set(rows.id[r], i);
        this.id.push(rows.id[r]);
        this.waiting.push(0);
        fresh.push(i);
      }
      places.push(i);
      for (const name of ["source", "time", "shot", "name", "sha"]) this[name][i] = rows[name][r];
      if (!this.waiting[i]) this.#state(i, rows, r);
    }
    for (const [name, column] of Object.entries(data.figures)) {
      const known = this.figures.get(name) || [];
      for (let r = 0; r < column.length; r++) known[places[r]] = column[r] === null ? NaN : column[r];
      this.figures.set(name, known);
    }
    for (const column of this.figures.values()) {
      for (const i of fresh) if (column[i] === undefined) column[i] = NaN;
      for (let i = column.length; i < this.size; i++) column[i] = NaN;
    }
    this.sorted.clear();
    this.dispatchEvent(new CustomEvent("rows", { detail: { places, fresh: fresh.length } }));
  }

  /** Take in what holds about some crops now. */
  settle(states) {
    const places = [];
    for (let r = 0; r < states.id.length; r++) {
      const i = this.at.get(states.id[r]);
      if (i === undefined) continue;
      places.push(i);
      if (this.waiting[i]) this.upon[i] = states.upon[r];
      else this.#state(i, states, r);
    }
    this.told(places);
  }

  #state(i, columns, r) {
    const word = (code) => (code < 0 ? null : columns.words[code]);
    this.verdict[i] = VERDICTS[columns.verdict[r]];
    this.upon[i] = columns.upon[r];
    this.reason[i] = word(columns.reason[r]) || "";
    this.by[i] = word(columns.by[r]) || "";
    this.why[i] = columns.figure[r];
    this.tags[i] = columns.tags[r].map(word);
    this.split[i] = word(columns.split[r]);
  }

  /** Say that what holds about these rows has changed. */
  told(places) {
    this.dispatchEvent(new CustomEvent("states", { detail: { places } }));
  }

  standing(i) {
    if (!this.verdict[i]) return "open";
    return this.by[i].startsWith(COMMAND) ? `${this.verdict[i]}-proposed` : this.verdict[i];
  }

  /** Whether a person has still to look at it. */
  undecided(i) {
    return !this.verdict[i] || this.by[i].startsWith(COMMAND);
  }

  /** The kind of a reason: what stands before its particulars. */
  reasonKind(i) {
    return reasonKind(this.reason[i]);
  }

  /** A figure's values in ascending order. */
  spread(name) {
    let sorted = this.sorted.get(name);
    if (!sorted) {
      sorted = Float64Array.from((this.figures.get(name) || []).filter((v) => !Number.isNaN(v))).sort();
      this.sorted.set(name, sorted);
    }
    return sorted;
  }

  /** The share of crops whose figure is smaller, 0 to 1; of equal ones, half. */
  rank(name, value) {
    const sorted = this.spread(name);
    const below = (isBelow) => {
      let low = 0, high = sorted.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (isBelow(sorted[middle])) low = middle + 1; else high = middle;
      }
      return low;
    };
    return sorted.length ? (below((one) => one < value) + below((one) => one <= value)) / 2 / sorted.length : 0;
  }

  /** How many crops have each tag. */
  tagCounts() {
    const counts = new Map();
    for (const tags of this.tags) for (const tag of tags) counts.set(tag, (counts.get(tag) || 0) + 1);
    return new Map([...counts].sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true })));
  }
}

export function reasonKind(reason) {
  return reason.split(/[:(;]| of | to /)[0].trim();
}
