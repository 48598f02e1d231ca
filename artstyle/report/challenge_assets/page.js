"use strict";
(() => {
  const root = document.documentElement;
  const sliders = [...document.querySelectorAll(".compare input")];
  const all = document.getElementById("all");
  const theme = document.getElementById("theme");

  const cut = (slider) => {
    slider.parentElement.style.setProperty("--cut", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${slider.value} % photo`);
  };
  for (const slider of sliders) {
    slider.addEventListener("input", () => cut(slider));
    cut(slider);
  }
  all.addEventListener("input", () => {
    for (const slider of sliders) {
      slider.value = all.value;
      cut(slider);
    }
  });
  for (const choice of document.querySelectorAll("input[name=before]")) {
    choice.addEventListener("change", () => {
      document.body.dataset.before = choice.value;
    });
  }
  const show = (name) => {
    root.dataset.theme = name;
    theme.setAttribute("aria-pressed", String(name === "dark"));
    theme.textContent = name === "dark" ? "light" : "dark";
  };
  theme.addEventListener("click", () => show(root.dataset.theme === "dark" ? "light" : "dark"));
  show(root.dataset.theme);
})();
