// SPDX-License-Identifier: Apache-2.0
// Keeps live pages honest: says whether their figures are live, lets the clocks run, leaves blocks
// alone that did not change, and blocks in which somebody writes. Every page works without this file.
"use strict";

(() => {
  const page = document.querySelector("[data-live], #board");
  const live = document.getElementById("live");
  const latest = new Map();
  let isOpen = false;
  let skewMs = 0;

  function asOf() {
    return document.querySelector("[data-as-of]");
  }

  function say() {
    const state = isOpen ? "on" : "off";
    const at = asOf();
    const text = isOpen ? live.dataset.on : live.dataset.off.replace("%s", at ? at.textContent : "?");
    live.classList.toggle("live--on", isOpen);
    live.classList.toggle("live--off", !isOpen);
    const word = live.querySelector(".live__word");
    if (live.dataset.state !== state || word.textContent !== text) {
      live.dataset.state = state;
      word.textContent = text;
    }
  }

  function two(number) {
    return String(number).padStart(2, "0");
  }

  function asClock(lengthMs) {
    const seconds = Math.max(0, Math.floor(lengthMs / 1000));
    const days = Math.floor(seconds / 86400);
    const time = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
    return (days ? `${days} d ` : "") + time.map(two).join(":");
  }

  function runClocks() {
    const now = Date.now() + skewMs;
    for (const clock of document.querySelectorAll("[data-clock]")) {
      clock.textContent = asClock(now - Date.parse(clock.dateTime));
    }
    for (const clock of document.querySelectorAll("[data-due]")) {
      const due = Date.parse(clock.dateTime);
      const isOver = now > due;
      clock.textContent = isOver
        ? clock.dataset.over.replace("%(clock)s", asClock(now - due))
        : asClock(due - now);
      clock.classList.toggle("clock__value--over", isOver);
    }
  }

  function readSkew() {
    const at = asOf();
    skewMs = at ? Date.parse(at.dateTime) - Date.now() : 0;
  }

  // Whether a field holds something else than when the page came.
  function isChanged(field) {
    if (field.type === "checkbox" || field.type === "radio") {
      return field.checked !== field.defaultChecked;
    }
    if (field.tagName === "SELECT") {
      const first = [...field.options].findIndex((option) => option.defaultSelected);
      return field.selectedIndex !== Math.max(first, 0);
    }
    return field.type !== "hidden" && "defaultValue" in field && field.value !== field.defaultValue;
  }

  // Whether somebody is at work in a block: it is then left as it is until they are done.
  function isBusy(block) {
    const active = document.activeElement;
    const isWriting = block.contains(active) && active.matches("input, select, textarea, button");
    const isHeld = block.contains(active) && !active.id;
    return isWriting || isHeld || [...block.querySelectorAll("input, select, textarea")].some(isChanged);
  }

  // Put into new content what only this page knows: its token, and what stands open on it.
  function prepare(block, content) {
    const token = document.querySelector("input[name=csrfmiddlewaretoken]");
    for (const form of content.querySelectorAll("form[method=post]")) {
      if (token && !form.querySelector("input[name=csrfmiddlewaretoken]")) {
        form.prepend(token.cloneNode());
      }
    }
    for (const open of block.querySelectorAll("details[id]")) {
      const same = content.querySelector(`#${CSS.escape(open.id)}`);
      if (same) {
        same.open = open.open;
      }
    }
  }

  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    const html = fragment.innerHTML; // htmx hands over the element that holds the new content
    if (latest.get(target.id) === html || isBusy(target)) {
      event.detail.shouldSwap = false;
      return;
    }
    latest.set(target.id, html);
    prepare(target, fragment);
  });

  if (page && live) {
    page.addEventListener("htmx:sseOpen", () => {
      isOpen = true;
      say();
    });
    page.addEventListener("htmx:sseError", (event) => {
      isOpen = false;
      say();
      // A stream that is refused, not merely lost, may mean that the session ended: the next
      // request for the blocks is then led to the page to sign in on.
      if (event.detail.source && event.detail.source.readyState === EventSource.CLOSED) {
        htmx.trigger(page, "refresh");
      }
    });
    page.addEventListener("htmx:afterRequest", (event) => {
      if (event.detail.successful) {
        readSkew();
        say();
      }
    });
    readSkew();
  }
  runClocks();
  window.setInterval(runClocks, 1000);
})();
