// SPDX-License-Identifier: Apache-2.0
// The palette: a search field over the page, with results while one types. Ctrl-K opens it, and "/"
// (keys.js). It is a combobox with a list, after the ARIA Authoring Practices; without this file
// the field in the bar and the search page do the same.
"use strict";

(() => {
  const WAIT_MS = 120;
  const palette = document.getElementById("palette");
  if (!palette) {
    return;
  }
  const query = palette.querySelector("[role=combobox]");
  const list = palette.querySelector("[role=listbox]");
  const status = palette.querySelector("[role=status]");
  let request = null;
  let timer = 0;

  function options() {
    return [...list.querySelectorAll("[role=option]")];
  }

  function isFresh() {
    return list.getAttribute("aria-busy") === "false"; // the list answers what is in the field
  }

  function active() {
    return list.querySelector("[aria-selected=true]");
  }

  function select(option) {
    for (const other of options()) {
      other.setAttribute("aria-selected", String(other === option));
    }
    if (option) {
      query.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      query.removeAttribute("aria-activedescendant");
    }
  }

  function move(step) {
    const all = options();
    const next = all.indexOf(active()) + step;
    select(all[(next + all.length) % all.length]);
  }

  function show(html) {
    list.innerHTML = html;
    list.setAttribute("aria-busy", "false");
    select(options()[0]);
    query.setAttribute("aria-expanded", String(options().length > 0));
    status.textContent = status.dataset.found.replace("%s", String(options().length));
  }

  async function load() {
    request?.abort();
    request = new AbortController();
    const address = `${palette.dataset.results}?q=${encodeURIComponent(query.value)}`;
    try {
      const answer = await fetch(address, { signal: request.signal, redirect: "error" });
      if (!answer.ok) {
        throw new Error(String(answer.status));
      }
      show(await answer.text());
    } catch (error) {
      if (error.name !== "AbortError") {
        show("");
        status.textContent = status.dataset.failed;
      }
    }
  }

  function open() {
    if (!palette.open) {
      palette.showModal(); // the browser gives the focus back when it closes
      load();
    }
    query.focus();
    query.select();
  }

  query.addEventListener("input", () => {
    request?.abort(); // its answer to an earlier text would look fresh
    list.setAttribute("aria-busy", "true");
    window.clearTimeout(timer);
    timer = window.setTimeout(load, WAIT_MS);
  });

  query.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options().length) {
      event.preventDefault();
      move(step);
    } else if (event.key === "Enter" && isFresh() && active() && !event.isComposing) {
      event.preventDefault(); // otherwise the form leads to the search page
      active().click();
    }
  });

  palette.addEventListener("click", (event) => {
    const isOutside = event.target === palette;
    if (isOutside || event.target.closest("[data-close]") || event.target.closest("[role=option]")) {
      palette.close();
    }
  });

  palette.addEventListener("close", () => {
    window.clearTimeout(timer);
    request?.abort();
  });

  document.addEventListener("keydown", (event) => {
    const isAsked = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (isAsked && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("palette:open", open);
})();
