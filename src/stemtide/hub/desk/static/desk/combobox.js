// SPDX-License-Identifier: Apache-2.0
// A field with a list of options that the hub renders while one types, after the combobox of the
// ARIA Authoring Practices: the focus stays in the field, the arrow keys move in the list.
"use strict";

const WAIT_MS = 120;

// field, list, status: elements; status has data-found and data-failed. changed: called when the
// list has other options.
export function combobox({ field, list, status, changed = () => {} }) {
  let request = null;
  let timer = 0;

  function options() {
    return [...list.querySelectorAll("[role=option]")];
  }

  function active() {
    return list.querySelector("[aria-selected=true]");
  }

  function select(option) {
    for (const other of options()) {
      other.setAttribute("aria-selected", String(other === option));
    }
    if (option) {
      field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      field.removeAttribute("aria-activedescendant");
    }
  }

  function show(html) {
    list.innerHTML = html;
    list.setAttribute("aria-busy", "false");
    select(options()[0]);
    changed(options().length);
    status.textContent = status.dataset.found.replace("%s", String(options().length));
  }

  function cancel() {
    window.clearTimeout(timer);
    request?.abort(); // its answer to an earlier text would look fresh
  }

  async function load(address) {
    cancel();
    request = new AbortController();
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

  function loadSoon(address) {
    cancel();
    list.setAttribute("aria-busy", "true");
    timer = window.setTimeout(() => load(address), WAIT_MS);
  }

  // Move in the list by an arrow key. Returns whether the key was one.
  function moved(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const all = options();
    if (!step || !all.length) {
      return false;
    }
    event.preventDefault();
    select(all[(all.indexOf(active()) + step + all.length) % all.length]);
    return true;
  }

  // The option that is chosen now; null while the list does not answer what is in the field.
  function chosen() {
    return list.getAttribute("aria-busy") === "false" ? active() : null;
  }

  function clear() {
    cancel();
    list.replaceChildren();
    list.setAttribute("aria-busy", "false");
    select(null);
    changed(0);
  }

  return { cancel, chosen, clear, load, loadSoon, moved };
}
