// Gestures on their way to the server: one after the other, none lost, each can be undone.
//
// The page shows a gesture at once and sends it; a verdict carries the decision that the person saw.
// Where somebody else has decided meanwhile the server writes nothing, and the person is asked.

import { post } from "./api.js";
import { plural, toast } from "./dom.js";

const RETRY_MS = 2000;

export class Decisions extends EventTarget {
  constructor(store, by, askAboutConflict) {
    super();
    this.store = store;
    this.by = by;
    this.ask = askAboutConflict;
    this.window = crypto.randomUUID().slice(0, 8);
    this.queue = [];
    this.made = this.#restored();
    this.running = false;
    this.silent = false; // the server does not answer
  }

  get waiting() { return this.queue.length; }

  /** Keep or drop crops (places in the store). */
  verdict(action, places, reason = "") {
    const store = this.store;
    const change = {
      action,
      places,
      // What was seen: null stands for the verdict of a gesture that is still on its way.
      upon: places.map((i) => (store.waiting[i] ? null : store.upon[i])),
    };
    for (const i of places) {
      Object.assign(change, { before: change.before || [] });
      change.before.push([store.verdict[i], store.by[i], store.reason[i]]);
      store.verdict[i] = action;
      store.by[i] = this.by;
      store.reason[i] = reason;
    }
    this.#send("decide", { changes: [change], reason }, places);
  }

  /** Add and take away tags. */
  tags(places, add, remove = []) {
    const changes = [];
    const store = this.store;
    for (const tag of add) {
      const lacking = places.filter((i) => !store.tags[i].includes(tag));
      if (lacking.length) changes.push({ action: "tag", value: tag, places: lacking });
      for (const i of lacking) store.tags[i] = [...store.tags[i], tag];
    }
    for (const tag of remove) {
      const having = places.filter((i) => store.tags[i].includes(tag));
      if (having.length) changes.push({ action: "untag", value: tag, places: having });
      for (const i of having) store.tags[i] = store.tags[i].filter((one) => one !== tag);
    }
    if (changes.length) this.#send("decide", { changes, reason: "" }, places);
  }

  /** Call a tag by another name, for all crops that have it. */
  rename(old, name) {
    this.#send("rename", { old, new: name }, []);
  }

  /** Take back this window's last gesture, or the one that is named. */
  undo(batch = this.made.at(-1)) {
    if (!batch) {
      toast("Nothing to undo in this window; press h for all that was decided");
      return;
    }
    this.made = this.made.filter((one) => one !== batch);
    this.#remember();
    this.#send("undo", { batch }, [], batch);
  }

  #send(path, data, places, batch = `review:${this.window}-${crypto.randomUUID().slice(0, 12)}`) {
    const touched = [...new Set(places)];
    for (const i of touched) this.store.waiting[i]++;
    this.queue.push({ path, data, batch, touched });
    if (path !== "undo") { this.made.push(batch); this.#remember(); }
    this.store.told(touched);
    this.#run();
  }

  async #run() {
    if (this.running) return;
    this.running = true;
    while (this.queue.length) {
      const gesture = this.queue[0];
      try {
        const answer = await post(gesture.path, this.#body(gesture));
        this.#answered(gesture, answer);
      } catch (refusal) {
        if (!(await this.#refused(gesture, refusal))) continue;
      }
      this.#quiet(false);
      this.queue.shift();
      this.dispatchEvent(new Event("change"));
    }
    this.running = false;
  }

  /** What is sent; places become ids, and what had not come back yet has by now. */
  #body({ path, data, batch }) {
    if (path !== "decide") return { ...data, batch };
    const { id, upon } = this.store;
    const changes = data.changes.map((change) => ({
      action: change.action,
      value: change.value,
      crops: change.places.map((i) => id[i]),
      upon: change.upon?.map((seen, at) => seen ?? upon[change.places[at]]),
    }));
    return { changes, reason: data.reason, batch };
  }

  #answered(gesture, answer) {
    this.#release(gesture);
    this.store.settle(answer.states);
    if (gesture.path === "undo") {
      toast(answer.made ? `Undone: ${plural(answer.made, "decision")}` : "That was undone already");
    } else if (!answer.made) {
      this.#forget(gesture.batch);
    } else if (gesture.path === "rename") {
      toast(`${gesture.data.old} is now ${gesture.data.new}, on ${plural(answer.states.id.length, "crop")}`,
        ["Undo", () => this.undo(gesture.batch)]);
    }
  }

  /** What to do about a refusal; true when the gesture is done with. */
  async #refused(gesture, refusal) {
    if (!(refusal.status >= 400 && refusal.status < 500)) {
      this.#quiet(true, refusal);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      return false;
    }
    if (refusal.status === 403 && gesture.path !== "undo") {
      this.#quiet(true, refusal); // a new server, a new address: keep what is not written
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      return false;
    }
    if (refusal.status === 409 && refusal.data.states) return this.#conflict(gesture, refusal.data.states);
    this.#release(gesture);
    this.#forget(gesture.batch);
    this.#revert(gesture);
    toast(`Not written: ${refusal.message}`, null, 8000);
    return true;
  }

  /** Ask whose decision shall hold for the crops that somebody else has decided. */
  async #conflict(gesture, states) {
    const { store } = this;
    const theirs = new Map(states.id.map((id, r) => [store.at.get(id), r]));
    const change = gesture.data.changes[0];
    const mine = await this.ask(change.action, gesture.data.reason, states);
    if (mine) {
      change.upon = change.places.map((i, at) => (theirs.has(i) ? states.upon[theirs.get(i)] : change.upon[at]));
      return false;
    }
    for (const i of theirs.keys()) store.waiting[i]--;
    gesture.touched = gesture.touched.filter((i) => !theirs.has(i));
    const keep = change.places.map((i) => !theirs.has(i));
    change.upon = change.upon.filter((_, at) => keep[at]);
    change.places = change.places.filter((_, at) => keep[at]);
    store.settle(states);
    if (change.places.length) return false;
    this.#forget(gesture.batch);
    return true;
  }

  #release(gesture) {
    for (const i of gesture.touched) this.store.waiting[i]--;
    gesture.touched = [];
  }

  #revert({ data }) {
    const { store } = this;
    for (const change of data.changes || []) {
      (change.before || []).forEach(([verdict, by, reason], at) => {
        const i = change.places[at];
        if (store.waiting[i]) return;
        store.verdict[i] = verdict; store.by[i] = by; store.reason[i] = reason;
      });
      for (const i of change.value ? change.places : []) {
        const without = store.tags[i].filter((tag) => tag !== change.value);
        store.tags[i] = change.action === "tag" ? without : [...without, change.value];
      }
      store.told(change.places);
    }
  }

  #quiet(silent, refusal = null) {
    if (silent === this.silent && !silent) return;
    this.silent = silent;
    this.dispatchEvent(new CustomEvent("silence", { detail: refusal }));
  }

  #forget(batch) {
    this.made = this.made.filter((one) => one !== batch);
    this.#remember();
  }

  // A page that is loaded anew in the same window can still undo.
  #remember() {
    try { sessionStorage.setItem("artstyle-made", JSON.stringify(this.made.slice(-500))); } catch { /* switched off */ }
  }

  #restored() {
    try { return JSON.parse(sessionStorage.getItem("artstyle-made")) || []; } catch { return []; }
  }
}
