// What keys do. They are deaf while one writes into a field or a dialog is open.

const IN_FIELDS = new Set(["INPUT", "TEXTAREA", "SELECT"]);

/** `actions` has a function for each word below. */
export function listen(grid, actions) {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const target = event.target;
    const field = IN_FIELDS.has(target.tagName) && !(target.type === "checkbox" && event.key !== " ");
    if (field) {
      if (event.key === "Escape") { target.blur(); grid.element.focus(); event.preventDefault(); }
      return;
    }
    // A button that has the focus is pressed with these two.
    if ((event.key === " " || event.key === "Enter") && target.closest("button, summary, a")) return;
    const action = chosen(event, grid, actions);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function chosen(event, grid, actions) {
  const { key, shiftKey: extend } = event;
  if (event.ctrlKey || event.metaKey) return key.toLowerCase() === "a" ? actions.chooseAll : key.toLowerCase() === "z" ? actions.undo : null;
  if (event.altKey) return null;
  const to = (position) => () => grid.moveTo(position, { extend });
  switch (key) {
    case "ArrowRight": return to(grid.focus + 1);
    case "ArrowLeft": return to(grid.focus - 1);
    case "ArrowDown": return to(grid.focus + grid.columns);
    case "ArrowUp": return to(grid.focus - grid.columns);
    case "PageDown": return to(grid.focus + grid.columns * grid.rowsPerPage);
    case "PageUp": return to(grid.focus - grid.columns * grid.rowsPerPage);
    case "Home": return to(0);
    case "End": return to(Infinity);
    case "k": case " ": return actions.keep;
    case "x": case "d": return actions.drop;
    case "X": case "D": return actions.dropWithReason;
    case "t": return actions.tag;
    case "u": return actions.undo;
    case "n": return actions.next;
    case "p": return actions.previous;
    case "s": return actions.alike;
    case "r": return actions.refresh;
    case "f": return actions.filters;
    case "h": return actions.history;
    case "/": return actions.search;
    case "?": return actions.help;
    case "+": case "=": return actions.larger;
    case "-": return actions.smaller;
    case "Enter": return actions.open;
    case "Escape": return actions.escape;
    default: return null;
  }
}
