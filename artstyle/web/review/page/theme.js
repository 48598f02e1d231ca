// Before anything is drawn: the theme that was chosen last, else the system's.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("artstyle-theme"); } catch { /* storage is switched off */ }
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
