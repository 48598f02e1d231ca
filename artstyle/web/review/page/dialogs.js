// Help, tags, names of clusters, quarrels and history: what comes up over the page.

import { get, thumbnail } from "./api.js";
import { count, h, icon, plural, when } from "./dom.js";

/** Open a dialog; the promise gives what it was closed with, "" for Escape. */
function opened(title, content, { footer = [], large = false } = {}) {
  const dialog = h("dialog", { class: large ? "large" : "", "aria-label": title },
    h("header", {}, h("h2", { text: title }), h("button", { class: "icon-button", "aria-label": "Close", onclick: () => dialog.close("") }, icon("close"))),
    h("div", { class: "content", tabindex: "-1" }, content), footer.length ? h("footer", {}, footer) : null);
  dialog.addEventListener("mousedown", (event) => { if (event.target === dialog) dialog.close(""); });
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector(".content").focus(); // scrolls with keys; the safe answer where there is a choice
  footer[0]?.focus();
  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue); });
  });
  return { dialog, closed };
}

const KEYS = [
  ["Decide", [["k Space", "keep"], ["x d", "drop"], ["Shift x", "drop with a reason"], ["t", "tag"], ["u", "undo this window's last"]]],
  ["Go", [["← → ↑ ↓", "next crop, next row"], ["n", "next undecided"], ["p", "previous undecided"], ["Home End", "first, last"], ["PgUp PgDn", "a window up or down"]]],
  ["Choose several", [["Shift ← ↓", "a range"], ["Shift click", "a range by mouse"], ["Ctrl click", "one more"], ["Ctrl a", "all that are shown"], ["Esc", "none"]]],
  ["Look", [["Enter", "panel; again: large"], ["s", "sort by likeness"], ["+ −", "larger, smaller"], ["f", "filters"], ["/", "search"], ["r", "refresh what is shown"], ["h", "history"], ["?", "this help"]]],
];

export function help() {
  const section = ([title, keys]) => h("section", {}, h("h3", { text: title }),
    keys.map(([key, what]) => h("div", {}, h("span", { text: what }), h("span", {}, key.split(" ").flatMap((one) => [h("kbd", { text: one }), " "])))));
  opened("Keys", [h("p", { text: "After a decision about a single crop the focus goes on to the next one. Proposals by artstyle curate count as undecided until a person has spoken." }),
    h("div", { class: "keys" }, KEYS.map(section))], { large: true });
}

/** Ask for a text with proposals: [[text, remark]]; null if it was closed. */
async function asked(title, { intro = "", value = "", proposals = [], action = "OK" }) {
  const input = h("input", { class: "field", value, "aria-label": title, autocomplete: "off", spellcheck: "false", maxlength: 80, role: "combobox", "aria-expanded": "true", "aria-controls": "proposals" });
  const list = h("ul", { class: "proposals", id: "proposals", role: "listbox" });
  const confirm = h("button", { class: "button primary", text: action, onclick: () => finish(input.value) });
  const { dialog, closed } = opened(title, [intro ? h("p", { text: intro }) : null, input, list],
    { footer: [h("button", { class: "button", text: "Cancel", onclick: () => dialog.close("") }), confirm] });
  let picked = -1, fitting = [];
  const finish = (text) => { if (text.trim()) dialog.close(`=${text.trim()}`); };
  const show = () => {
    const typed = input.value === value ? "" : input.value.trim().toLowerCase();
    fitting = proposals.filter(([text]) => text.toLowerCase().includes(typed)).slice(0, 60);
    picked = Math.min(picked, fitting.length - 1);
    list.replaceChildren(...fitting.map(([text, remark], at) => h("li", { role: "option", "aria-selected": String(at === picked), onclick: () => finish(text) }, h("span", { text }), h("small", { text: remark }))));
    list.children[picked]?.scrollIntoView({ block: "nearest" });
  };
  input.addEventListener("input", () => { picked = -1; show(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      picked = Math.max(-1, Math.min(fitting.length - 1, picked + (event.key === "ArrowDown" ? 1 : -1)));
      show();
    } else if (event.key === "Tab" && !event.shiftKey && fitting.length && input.value) {
      input.value = fitting[Math.max(0, picked)][0];
      show();
    } else if (event.key === "Enter") finish(picked >= 0 ? fitting[picked][0] : input.value);
    else return;
    event.preventDefault();
  });
  show();
  input.focus();
  input.select();
  const answer = await closed;
  return answer ? answer.slice(1) : null;
}

const tagList = (store) => [...store.tagCounts()].map(([tag, number]) => [tag, plural(number, "crop")]);

export function askForTag(store, places) {
  const whom = places.length === 1 ? store.name[places[0]] : plural(places.length, "crop");
  return asked(`Tag ${whom}`, { proposals: tagList(store), action: "Tag" });
}

export function askForReason(store, places) {
  const reasons = new Map();
  for (let i = 0; i < store.size; i++) {
    if (store.verdict[i] === "drop" && store.reason[i] && !store.undecided(i)) reasons.set(store.reason[i], (reasons.get(store.reason[i]) || 0) + 1);
  }
  const proposals = [...reasons].sort((a, b) => b[1] - a[1]).map(([reason, number]) => [reason, plural(number, "crop")]);
  return asked(`Drop ${plural(places.length, "crop")}: why?`, { proposals, action: "Drop" });
}

export function askForName(store, tag) {
  const number = store.tagCounts().get(tag) || 0;
  return asked(`What is ${tag}?`, {
    intro: `The new name takes the place of ${tag} on ${plural(number, "crop")}. It can be undone.`,
    value: tag.startsWith("cluster:") ? "" : tag, proposals: tagList(store).filter(([one]) => one !== tag), action: "Rename",
  });
}

/** Somebody else has decided: whose decision shall hold? True: mine. */
export async function askAboutConflict(store, action, reason, states) {
  const verdicts = ["undecided", "kept", "dropped"];
  const rows = states.id.slice(0, 40).map((id, r) => {
    const i = store.at.get(id);
    const theirs = states.upon[r] ? `${verdicts[states.verdict[r]]} by ${states.words[states.by[r]]}` : "taken back: undecided again";
    return h("div", { class: "quarrel" }, h("img", { src: thumbnail(store, i), alt: "" }), h("strong", { text: `${store.name[i]}: ${theirs}` }),
      h("span", { text: `You wanted to ${action} it.` }));
  });
  const more = states.id.length > 40 ? [h("p", { text: `and ${count(states.id.length - 40)} more` })] : [];
  const close = (value) => () => dialog.close(value);
  const { dialog, closed } = opened("Somebody else has decided meanwhile",
    [h("p", { text: `Nothing was written over. ${plural(states.id.length, "crop")} changed while you looked.` }), h("div", { class: "quarrels" }, rows, more)],
    { footer: [h("button", { class: "button", "data-answer": "theirs", text: "Leave theirs", onclick: close("") }), h("button", { class: "button primary", "data-answer": "mine", text: `${action === "keep" ? "Keep" : "Drop"} all the same`, onclick: close("mine") })] });
  return (await closed) === "mine";
}

/** Everything that was decided together, the newest first; each can be taken back. */
export async function showHistory(store, by, undo) {
  const room = h("div", { class: "gestures" }, h("p", { class: "muted", text: "…" }));
  const { closed } = opened("What was decided", room);
  const whom = (one) => (one.crops === 1 && store.name[store.at.get(one.crop)]) || plural(one.crops, "crop");
  const draw = async () => {
    const gestures = await get("history");
    room.replaceChildren(...gestures.map((one) => {
      const mine = one.by === by && one.batch.startsWith("review:");
      const what = one.what.split(",").slice(0, 4).join(", ");
      return h("div", { class: `gesture${one.standing ? "" : " gone"}` },
        h("strong", { text: `${what} · ${whom(one)}` }),
        h("small", { text: `${one.by} · ${when(one.at)}${one.standing && one.standing < one.decisions ? ` · ${one.standing} still stand` : ""}` }),
        mine && one.standing ? h("button", { class: "button", text: "Undo", onclick: async () => { undo(one.batch); setTimeout(draw, 250); } }) : null);
    }));
    if (!gestures.length) room.append(h("p", { class: "muted", text: "Nothing yet." }));
  };
  await draw().catch((fault) => room.replaceChildren(h("p", { text: fault.message })));
  return closed;
}
