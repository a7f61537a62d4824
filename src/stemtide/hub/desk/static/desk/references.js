// SPDX-License-Identifier: Apache-2.0
// Proposes mentions after "@" and links after "#" while somebody writes into a situation log.
// Without this file they are typed, or the address of a page is pasted.
"use strict";

import { combobox } from "./combobox.js";

const BEGUN = /(?:^|[^\w@#/:])([@#][^\s@#:]*)$/u; // a mention or a link up to the caret

const list = document.getElementById("proposals");
if (list) {
  const field = document.getElementById(list.dataset.field);
  const proposals = combobox({
    field,
    list,
    status: document.getElementById("proposals-state"),
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
    proposals.clear();
    field.focus();
  }

  field.addEventListener("input", () => {
    if (begun()) {
      proposals.loadSoon(`${list.dataset.results}?q=${encodeURIComponent(begun())}`);
    } else {
      proposals.clear();
    }
  });

  field.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing || proposals.moved(event)) {
      return;
    }
    if (event.key === "Escape") {
      event.preventDefault();
      proposals.clear();
    } else if (event.key === "Enter" && begun() && proposals.chosen()) {
      event.preventDefault();
      choose(proposals.chosen());
    }
  });

  field.addEventListener("blur", proposals.clear);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && begun()) {
      choose(option);
    }
  });
}
