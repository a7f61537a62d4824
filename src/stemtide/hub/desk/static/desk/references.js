// SPDX-License-Identifier: Apache-2.0
// Proposes mentions after "@" and links after "#" while somebody writes into a situation log.
// Without this file they are typed, or the address of a page is pasted.
"use strict";

import { combobox } from "./combobox.js";

const BEGUN = /(?:^|[^\w@#/:])([@#][^\s@#:]*)$/u; // a mention or a link up to the caret

const list = document.getElementById("suggestions");
if (list) {
  const field = document.getElementById(list.dataset.field);
  const suggestions = combobox({
    field,
    list,
    status: document.getElementById("suggestions-state"),
    changed: (number) => {
      list.hidden = !number;
    },
  });
  // A text area may have no role but its own: it says that a list completes what is written.
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-haspopup", "listbox");
  field.setAttribute("aria-controls", list.id);

  function begun() {
    const isCaret = field.selectionStart === field.selectionEnd;
    return isCaret ? (BEGUN.exec(field.value.slice(0, field.selectionEnd))?.[1] ?? "") : "";
  }

  function choose(option) {
    const end = field.selectionEnd;
    field.setRangeText(`${option.dataset.token} `, end - begun().length, end, "end");
    suggestions.clear();
    field.focus();
  }

  field.addEventListener("input", () => {
    if (begun()) {
      suggestions.loadSoon(`${list.dataset.results}?q=${encodeURIComponent(begun())}`);
    } else {
      suggestions.clear();
    }
  });

  field.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing || suggestions.moved(event)) {
      return;
    }
    if (event.key === "Escape") {
      event.preventDefault();
      suggestions.clear();
    } else if (event.key === "Enter" && begun() && suggestions.chosen()) {
      event.preventDefault();
      choose(suggestions.chosen());
    }
  });

  field.addEventListener("blur", suggestions.clear);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && begun()) {
      choose(option);
    }
  });
}
