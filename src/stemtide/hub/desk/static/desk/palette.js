// SPDX-License-Identifier: Apache-2.0
// The palette: a search field over the page, with results while one types. Ctrl-K opens it, and "/"
// (keys.js). Without this file the field in the bar and the search page do the same.
"use strict";

import { combobox } from "./combobox.js";

const palette = document.getElementById("palette");
if (palette) {
  const query = palette.querySelector("[role=combobox]");
  const results = combobox({
    field: query,
    list: palette.querySelector("[role=listbox]"),
    status: palette.querySelector("[role=status]"),
    changed: (number) => query.setAttribute("aria-expanded", String(number > 0)),
  });

  function address() {
    return `${palette.dataset.results}?q=${encodeURIComponent(query.value)}`;
  }

  function open() {
    if (!palette.open) {
      palette.showModal(); // the browser gives the focus back when it closes
      results.load(address());
    }
    query.focus();
    query.select();
  }

  query.addEventListener("input", () => results.loadSoon(address()));

  query.addEventListener("keydown", (event) => {
    if (!results.moved(event) && event.key === "Enter" && !event.isComposing && results.chosen()) {
      event.preventDefault(); // otherwise the form leads to the search page
      results.chosen().click();
    }
  });

  palette.addEventListener("click", (event) => {
    const isOutside = event.target === palette;
    if (isOutside || event.target.closest("[data-close]") || event.target.closest("[role=option]")) {
      palette.close();
    }
  });

  palette.addEventListener("close", results.cancel);

  document.addEventListener("keydown", (event) => {
    const isAsked = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (isAsked && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("palette:open", open);
}
