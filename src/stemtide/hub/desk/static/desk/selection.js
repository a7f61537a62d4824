// SPDX-License-Identifier: Apache-2.0
// Counts what is selected in a list and keeps its acts in sight. Without this file the acts stand
// below the list. The key that selects a row is in keys.js.
"use strict";

(() => {
  function boxes() {
    return [...document.querySelectorAll("input[data-select]")];
  }

  function show() {
    const form = document.querySelector("[data-selection]");
    if (!form) {
      return;
    }
    const number = boxes().filter((box) => box.checked).length;
    form.classList.toggle("selection--on", number > 0);
    const count = form.querySelector("[data-count]");
    count.textContent = number ? form.dataset.some.replace("%d", number) : form.dataset.none;
    const all = form.querySelector("[data-select-all]");
    all.hidden = !boxes().length;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-select]")) {
      show();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-select-all]")) {
      const isWhole = boxes().every((box) => box.checked);
      boxes().forEach((box) => {
        box.checked = !isWhole;
      });
      show();
    }
  });
  document.addEventListener("htmx:load", show);
  show();
})();
