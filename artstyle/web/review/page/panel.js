// The panel: one crop large, where it comes from, its figures among all others, and its history.

import { frame, get, picture, thumbnail } from "./api.js";
import { clock, figure, figureName, figureOrder, h, icon, s, when } from "./dom.js";
import { bins, borders } from "./filters.js";

const WAIT_MS = 110;       // for one who goes through crops fast
const ALIKES = 10;
const SAME_HASH = 6;       // bits of 64: below, two pictures are nearly the same
const SAME_COSINE = 0.06;
const EXTREME = 0.02;      // figures in the outermost part of the set are marked

const STANDING_WORDS = {
  keep: (by) => `Kept by ${by}`, drop: (by) => `Dropped by ${by}`,
  "keep-proposed": (by) => `${by} proposes to keep it`, "drop-proposed": (by) => `${by} proposes to drop it`,
};

export class Panel {
  constructor(element, store, actions) {
    Object.assign(this, { element, store, actions });
    this.place = null; // in the store; null: closed
    this.frames = new Map(); // id -> what came back for it, the last few
  }

  get isOpen() { return this.place !== null; }

  close() {
    this.place = null;
    this.element.hidden = true;
    this.element.classList.remove("wide");
    this.pending?.abort();
    this.actions.moved();
  }

  widen() {
    this.element.classList.toggle("wide");
  }

  /** Show a crop. */
  show(i) {
    const opened = this.element.hidden;
    const other = i !== this.place;
    this.place = i;
    this.element.hidden = false;
    if (other) this.#build(i);
    else this.#verdict();
    if (opened) this.actions.moved();
  }

  /** What holds about these crops has changed. */
  changed(places) {
    if (this.place === null || !places.includes(this.place)) return;
    this.#verdict();
    clearTimeout(this.later);
    this.later = setTimeout(() => this.#detail(this.place, false), 250);
  }

  #build(i) {
    const { store } = this;
    const button = (name, label, action) => h("button", { class: "icon-button", "aria-label": label, title: label, onclick: action }, icon(name));
    this.first = h("section", { class: "first" },
      h("img", { class: "portrait", src: picture(store, i), alt: store.name[i] }));
    this.verdictRow = h("div", { class: "verdicts" });
    this.why = h("div", { class: "why" });
    this.labels = h("div", { class: "labels" });
    this.first.append(this.verdictRow, this.why, this.labels);
    this.sourceRoom = h("section", {}, h("h3", { text: "Source" }), h("div", { class: "frame" }));
    this.figureRoom = h("section", {}, h("h3", {}, "Figures", h("small", { text: "place in the set, %" })), this.#figures(i));
    this.alikeRoom = h("section", { hidden: true });
    this.historyRoom = h("section", {}, h("h3", { text: "Decisions" }), h("p", { class: "muted", text: "…" }));
    this.factRoom = h("section", {});
    this.element.replaceChildren(
      h("div", { class: "head" }, h("h2", { text: store.name[i], title: store.name[i] }),
        button("alike", "Sort by likeness to this crop (s)", () => this.actions.alike()),
        button("wide", "Larger or smaller (Enter)", () => this.widen()),
        button("close", "Close (Esc)", () => this.close())),
      h("div", { class: "look" }, this.first, this.sourceRoom),
      h("div", { class: "know" }, this.figureRoom, this.alikeRoom, this.historyRoom, this.factRoom));
    this.element.scrollTop = 0;
    this.#verdict();
    clearTimeout(this.later);
    this.pending?.abort();
    this.later = setTimeout(() => this.#detail(i, true), WAIT_MS);
  }

  #verdict() {
    const { store, place: i, actions } = this;
    const standing = store.standing(i);
    const verdict = (name, label, key) => h("button", { class: `button ${name}`, "aria-pressed": String(standing === name), onclick: () => actions.verdict(name, i) }, icon(name), label, h("kbd", { text: key }));
    this.verdictRow.replaceChildren(verdict("keep", "Keep", "k"), verdict("drop", "Drop", "x"));
    this.why.className = `why ${standing}`;
    this.why.hidden = standing === "open";
    this.why.replaceChildren(h("p", {}, h("strong", { text: STANDING_WORDS[standing]?.(store.by[i]) || "" })),
      store.reason[i] ? h("p", { text: withFigure(store.reason[i], store.why[i]) }) : "");
    this.labels.replaceChildren(
      ...store.tags[i].map((tag) => h("span", { class: "chip" }, h("span", { text: tag }),
        h("button", { "aria-label": `Remove ${tag}`, onclick: () => actions.untag(tag, i) }, icon("close")))),
      h("button", { class: "add", onclick: () => actions.tag(i) }, icon("plus"), "Tag"));
  }

  async #detail(i, whole) {
    this.pending?.abort();
    const pending = this.pending = new AbortController();
    try {
      const data = await get(`crop/${this.store.id[i]}`, { signal: pending.signal });
      if (this.place !== i) return;
      this.#decisions(data.decisions);
      this.#facts(data);
      if (whole) await Promise.all([this.#frame(i, data, pending.signal), this.#alikes(i, pending.signal)]);
    } catch (fault) {
      if (fault.name !== "AbortError") this.historyRoom.lastChild.textContent = fault.message;
    }
  }

  async #frame(i, data, signal) {
    const room = this.sourceRoom.querySelector(".frame");
    const film = data.source_kind === "film";
    const name = data.source_path.split("/").pop();
    const shot = film && data.shot !== null ? ` · shot\u00a0${data.shot}` : "";
    const note = h("span", {});
    this.sourceRoom.querySelector(".from")?.remove();
    this.sourceRoom.append(h("p", { class: "from", title: data.source_path }, h("strong", { text: name }),
      film ? ` · ${clock(data.pts_s)}${shot}` : data.cell ? ` · ${data.cell}` : "", note));
    try {
      const found = this.frames.get(data.id) || await frame(data.id, signal);
      this.#remember(data.id, found);
      if (this.place !== i) return;
      room.replaceChildren(h("img", { src: found.address, alt: `Frame of ${name}` }), overlay(data, found));
      if (found.note) note.textContent = ` · ${found.note}`;
    } catch (fault) {
      if (fault.name === "AbortError") return;
      room.replaceChildren(h("p", { text: [fault.message, fault.data?.hint].filter(Boolean).join(". ") }));
    }
  }

  #remember(id, found) {
    this.frames.delete(id);
    this.frames.set(id, found);
    for (const [old, one] of this.frames) {
      if (this.frames.size <= 12) break;
      URL.revokeObjectURL(one.address);
      this.frames.delete(old);
    }
  }

  #figures(i) {
    const { store } = this;
    const rows = [];
    for (const name of figureOrder(store.figures.keys())) {
      const value = store.figures.get(name)[i];
      if (value === undefined || Number.isNaN(value)) continue;
      const sorted = store.spread(name);
      const constant = sorted[0] === sorted.at(-1);
      const rank = store.rank(name, value);
      const extreme = !constant && (rank < EXTREME || rank > 1 - EXTREME);
      rows.push(h("span", { class: "n", text: figureName(name), title: name }), h("span", { class: `v${extreme ? " extreme" : ""}`, text: figure(value) }),
        constant ? h("span", {}) : histogram(sorted, value), h("span", { class: "p", text: constant ? "" : Math.round(rank * 100) }));
    }
    return rows.length ? h("div", { class: "figures" }, rows) : h("p", { class: "muted", text: "None yet. artstyle curate measures them." });
  }

  async #alikes(i, signal) {
    const { store } = this;
    let found;
    try {
      found = await get(`similar/${store.id[i]}`, { signal });
    } catch (fault) {
      if (fault.status !== 404) throw fault;
      return;
    }
    if (this.place !== i) return;
    const isHash = found.by.startsWith("perceptual");
    const cells = found.id.slice(1, ALIKES + 1).map((id, at) => {
      const place = store.at.get(id), distance = found.distance[at + 1];
      if (place === undefined) return null;
      const same = distance <= (isHash ? SAME_HASH : SAME_COSINE);
      return h("button", { class: `${store.standing(place)}${same ? " same" : ""}`, title: `${store.name[place]}, ${store.verdict[place] || "undecided"}`, onclick: () => this.actions.goTo(place) },
        h("img", { src: thumbnail(store, place), alt: store.name[place] }), h("span", { text: figure(distance) }));
    });
    this.alikeRoom.hidden = false;
    this.alikeRoom.replaceChildren(h("h3", {}, "Most alike", h("small", { text: `${found.by}, 0 is the same` })), h("div", { class: "alikes" }, cells));
  }

  #decisions(decisions) {
    const line = (one) => {
      const what = one.action === "undo" ? "undone" : [one.action, one.value].filter(Boolean).join(" ");
        return h("li", { class: `${one.action}${one.is_undone ? " undone" : ""}` }, h("strong", { text: what }),
        one.reason ? h("p", { text: withFigure(one.reason, one.figure) }) : null, h("small", { text: `${one.by} · ${when(one.at)}`, title: one.at }));
    };
    const list = [...decisions].reverse().map(line);
    this.historyRoom.replaceChildren(h("h3", { text: "Decisions" }),
      list.length ? h("ul", { class: "events" }, list) : h("p", { class: "muted", text: "Nobody has decided anything about it." }));
  }

  #facts(data) {
    const facts = [["File", data.file], ["Size", `${data.size_px} × ${data.size_px} px`], ["Detector", data.detector], ["Licence", data.licence],
      ...Object.entries(data.texts).map(([name, value]) => [figureName(name), value]), ["SHA-256", data.sha256.slice(0, 16)]];
    this.factRoom.replaceChildren(h("h3", { text: "File" }), h("dl", { class: "facts" }, facts.flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })])));
  }
}

/** A reason, and what was measured unless it says so itself. */
function withFigure(reason, value) {
  return value === null || value === undefined || /\d/.test(reason) ? reason : `${reason} (${figure(value)})`;
}

/** Quad, box and points over the source picture, in its own pixels. */
function overlay(data, { width, height }) {
  const corners = data.quad_px;
  const path = corners.map(([x, y]) => `${x},${y}`).join(" ");
  const [x0, y0, x1, y1] = data.bbox_px;
  const shade = `M0 0H${width}V${height}H0Z M${corners.map((p) => p.join(" ")).join("L")}Z`;
  const dot = Math.max(width, height) / 150;
  const points = data.points_px.length <= 5 ? data.points_px : [];
  return s("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    s("path", { class: "shade", d: shade }),
    s("rect", { class: "box", x: x0, y: y0, width: x1 - x0, height: y1 - y0 }),
    s("polygon", { class: "quad", points: path }),
    s("line", { class: "quad up", x1: corners[0][0], y1: corners[0][1], x2: corners[3][0], y2: corners[3][1] }),
    points.map(([x, y]) => s("circle", { class: "point", cx: x, cy: y, r: dot })));
}

function histogram(sorted, value) {
  const [low, high] = borders(sorted);
  const number = 30;
  const here = Math.min(number - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * number)));
  return s("svg", { viewBox: `0 0 ${number} 10`, preserveAspectRatio: "none", "aria-hidden": "true" },
    bins(sorted, low, high, number).map((share, at) => s("rect", {
      x: at + 0.1, width: 0.8, y: at === here ? 0 : 10 - share * 10, height: at === here ? 10 : share * 10, class: at === here ? "here" : "",
    })));
}
