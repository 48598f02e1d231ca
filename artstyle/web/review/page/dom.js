// Small words for making elements and for writing figures.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Properties: class, text, on* listeners, aria-* and data-*; children may be null. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  return filled(element, properties, children);
}

/** An SVG element. */
export function s(name, properties = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  return filled(element, properties, children);
}

function filled(element, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key === "class" ? "class" : key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** One of the pictograms in index.html. */
export function icon(name) {
  return s("svg", { "aria-hidden": "true" }, s("use", { href: `#i-${name}` }));
}

export const $ = (id) => document.getElementById(id);

export function count(number) { return number.toLocaleString("en-US"); }

export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** A figure with about four digits. */
export function figure(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return count(value);
  if (size >= 1000) return count(Math.round(value));
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  if (size >= 1) return value.toFixed(2);
  return value.toFixed(3);
}

/** Seconds of a film as 0:12:03.480. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  const rest = Math.round((seconds - whole) * 1000);
  const tail = rest ? `.${String(rest).padStart(3, "0")}` : "";
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}${tail}`;
}

/** When something was, as people say it. */
export function when(iso) {
  const then = new Date(iso);
  const seconds = (Date.now() - then.getTime()) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400 && new Date().getDate() === then.getDate()) {
    return then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  }
  return then.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

const NAMES = {
  score: "Detector score", confidence: "Alignment", roll_deg: "Roll °", yaw_deg: "Yaw °",
  pitch_deg: "Pitch °", face_px: "Face size, px", upscale_factor: "Enlarged ×",
  outside_share: "Outside of picture", appearance_faces: "Times detected", scale_px: "Eye distance, px",
  clipped_share: "Clipped", greyness: "Greyness",
};

/** What a figure is called on the page. */
export function figureName(key) {
  if (NAMES[key]) return NAMES[key];
  const words = key.replace(/_deg$/, " °").replace(/_px$/, ", px").replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

const ORDER = ["sharpness", "brightness", "contrast", "clipped_share", "greyness", "face_px",
  "upscale_factor", "outside_share", "confidence", "score", "roll_deg", "yaw_deg", "pitch_deg"];

/** Figures in the order in which one wants to see them. */
export function figureOrder(names) {
  const place = (name) => (ORDER.indexOf(name) + 1 || ORDER.length + 1);
  return [...names].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

/** Do something once a field was changed with the mouse; who came with the keyboard stays in it. */
export function afterPointer(element, action) {
  let pressed = false;
  element.addEventListener("pointerdown", () => { pressed = true; });
  element.addEventListener("keydown", () => { pressed = false; });
  element.addEventListener("change", (event) => { if (pressed) { pressed = false; action(event.target); } });
}

/** A few words at the foot of the page; `action` is [label, function]. */
export function toast(text, action = null, lasts_ms = 4200) {
  const room = $("toasts");
  const button = action && h("button", { class: "link", text: action[0], onclick: () => { leave(); action[1](); } });
  const element = h("div", { class: "toast" }, h("span", { text }), button);
  while (room.children.length > 1) room.firstChild.remove();
  room.append(element);
  const leave = () => { element.classList.add("leaving"); setTimeout(() => element.remove(), 260); };
  setTimeout(leave, lasts_ms);
}
