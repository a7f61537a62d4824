// SPDX-License-Identifier: Apache-2.0
// Keeps the board honest: says whether its figures are live, lets the clocks run, and leaves
// blocks alone that did not change. Every page works without this file.
"use strict";

(() => {
  const board = document.getElementById("board");
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

  function runClocks() {
    for (const clock of document.querySelectorAll("[data-clock]")) {
      const elapsed = Date.now() + skewMs - Date.parse(clock.dateTime);
      const seconds = Math.max(0, Math.floor(elapsed / 1000));
      const days = Math.floor(seconds / 86400);
      const time = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
      clock.textContent = (days ? `${days} d ` : "") + time.map(two).join(":");
    }
  }

  function readSkew() {
    const at = asOf();
    skewMs = at ? Date.parse(at.dateTime) - Date.now() : 0;
  }

  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    const html = fragment.innerHTML; // htmx hands over the element that holds the new content
    event.detail.shouldSwap = latest.get(target.id) !== html;
    latest.set(target.id, html);
  });

  if (board && live) {
    board.addEventListener("htmx:sseOpen", () => {
      isOpen = true;
      say();
    });
    board.addEventListener("htmx:sseError", (event) => {
      isOpen = false;
      say();
      // A stream that is refused, not merely lost, may mean that the session ended: the next
      // request for the blocks is then led to the page to sign in on.
      if (event.detail.source && event.detail.source.readyState === EventSource.CLOSED) {
        htmx.trigger(board, "refresh");
      }
    });
    board.addEventListener("htmx:afterRequest", (event) => {
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
