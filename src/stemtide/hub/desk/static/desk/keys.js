// SPDX-License-Identifier: Apache-2.0
// Keys of one letter: moving through rows, and what elements name in aria-keyshortcuts. A letter
// opens a form and goes into it, and sends nothing; only a button that names one is pressed.
// People can switch these keys off (WCAG 2.2, 2.1.4). No key acts while somebody types.
"use strict";

(() => {
  const ROWS = "tbody > tr, .said, .duty, .cluster, .crisis, .alert, .sheet__row";
  const FIELDS = "input:not([type=hidden]), select, textarea, button";
  const help = document.getElementById("keys");
  if (!help || help.dataset.letters !== "on") {
    return;
  }
  document.documentElement.classList.add("has-keys");

  function isShown(element) {
    return element.checkVisibility();
  }

  function link(row) {
    return row.querySelector("a[href]");
  }

  function rows() {
    return [...document.querySelectorAll("main :is(" + ROWS + ")")].filter(
      (row) => link(row) && isShown(row),
    );
  }

  function move(step) {
    const all = rows();
    const here = all.findIndex((row) => row.contains(document.activeElement));
    const next = here < 0 ? 0 : Math.min(Math.max(here + step, 0), all.length - 1);
    if (all.length) {
      link(all[next]).focus();
      all[next].scrollIntoView({ block: "nearest" });
    }
  }

  // Elements of a key: those of the row in which one is, then those outside of rows.
  function keyed(key) {
    const all = [...document.querySelectorAll(`[aria-keyshortcuts="${CSS.escape(key)}"]`)].filter(
      isShown,
    );
    const row = document.activeElement.closest(`:is(${ROWS})`);
    return (row && all.find((element) => row.contains(element))) || all.find((element) => !element.closest(ROWS));
  }

  function act(element) {
    if (element.matches("a, button")) {
      element.click();
      return;
    }
    const holder = element.matches("summary") ? element.parentElement : element;
    if (holder.matches("details")) {
      holder.open = true;
    }
    const field = [...holder.querySelectorAll(FIELDS)].find(isShown);
    (field ?? element).focus();
    holder.scrollIntoView({ block: "nearest" });
  }

  function name(element) {
    return element.dataset.keyName ?? element.textContent.trim().replace(/\s+/g, " ");
  }

  function showHelp() {
    const names = new Map();
    for (const element of document.querySelectorAll("main [aria-keyshortcuts]")) {
      if (isShown(element) && !names.has(element.getAttribute("aria-keyshortcuts"))) {
        names.set(element.getAttribute("aria-keyshortcuts"), name(element));
      }
    }
    const list = help.querySelector("[data-page-keys]");
    list.replaceChildren(
      ...[...names].map(([key, text]) => {
        const entry = help.querySelector("template").content.cloneNode(true);
        entry.querySelector("kbd").textContent = key;
        entry.querySelector("dd").textContent = text;
        return entry;
      }),
    );
    list.hidden = !names.size;
    list.previousElementSibling.hidden = !names.size;
    help.showModal();
  }

  // Select the row in which one is, or take it back.
  function pick() {
    const row = rows().find((candidate) => candidate.contains(document.activeElement));
    row?.querySelector("input[data-select]")?.click();
  }

  const KEYS = {
    "/": () => document.dispatchEvent(new Event("palette:open")),
    "?": showHelp,
    j: () => move(1),
    k: () => move(-1),
    x: pick,
  };

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, select, textarea, [contenteditable]");
    const isHeld = event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
    if (isTyping || isHeld || document.querySelector("dialog[open]")) {
      return;
    }
    const element = KEYS[event.key] ? null : keyed(event.key);
    if (KEYS[event.key] || element) {
      event.preventDefault();
      KEYS[event.key] ? KEYS[event.key]() : act(element);
    }
  });

  help.addEventListener("click", (event) => {
    if (event.target === help || event.target.closest("[data-close]")) {
      help.close();
    }
  });
})();
