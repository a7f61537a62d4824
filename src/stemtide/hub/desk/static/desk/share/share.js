// SPDX-License-Identifier: Apache-2.0
// Sharing from a page: takes files and texts that are chosen, dropped or pasted, has a worker make
// the fingerprints of pictures, and asks the hub for a check. The form works without this file.

import { pictureType } from "./picture.js";

const HEAD_BYTES = 16;
const BUSY = 429;
const BUSY_WAIT_MS = 5000;
const BUSY_TRIES = 60;
const PASTED_NAME = "image.png"; // of a picture that a clipboard made anew

const names = new Map(); // names of files by the id of their content: they stay on this computer
const list = document.createElement("ul");
list.className = "share__files";
const answers = new Map();
let waiting = [];
let worker = null;
let queue = Promise.resolve();
let isSending = false;

function theForm() {
  return document.getElementById("share");
}

function words(name, about = "") {
  return theForm().dataset[name].replace("%s", about);
}

function command(name) {
  return theForm().dataset.command.replace("%s", `'${name.replaceAll("'", "'\\''")}'`);
}

// ---- fingerprints of pictures -------------------------------------------------------------------

async function startWorker() {
  const made = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  made.addEventListener("message", ({ data }) => {
    answers.get(data.id)(data);
    answers.delete(data.id);
  });
  made.addEventListener("error", () => {
    answers.forEach((answer) => answer({ refusal: { code: "failed", about: "" } }));
    answers.clear();
    worker = null;
  });
  const response = await fetch(new URL("./kernels.wasm", import.meta.url));
  made.postMessage({ kernels: await response.arrayBuffer() });
  return made;
}

async function fingerprint(content, isOriginal) {
  worker = worker || startWorker();
  const started = await worker;
  const id = crypto.getRandomValues(new Uint32Array(2)).join("-");
  return new Promise((resolve) => {
    answers.set(id, resolve);
    started.postMessage({ id, content, isOriginal }, [content]);
  });
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function keep(items, name) {
  const field = theForm().elements.items;
  const all = JSON.parse(field.value || "[]");
  for (const item of items) {
    item.content = item.content || newId();
    item.name = "";
    names.set(item.content.replaceAll("-", ""), name);
    all.push(item);
  }
  field.value = JSON.stringify(all);
}

// ---- files --------------------------------------------------------------------------------------

function show(entry, status, hint = "") {
  entry.status.textContent = status;
  entry.hint.textContent = hint;
}

function newEntry(file, isPasted) {
  const row = document.createElement("li");
  const name = document.createElement("strong");
  const status = document.createElement("span");
  const hint = document.createElement("code");
  name.textContent = file.name;
  row.append(name, " ", status, " ", hint);
  list.append(row);
  const isOriginal = !(isPasted && file.name === PASTED_NAME);
  return { file, row, status, hint, isOriginal };
}

async function takePicture(entry) {
  show(entry, words("working"));
  const { result, refusal } = await fingerprint(await entry.file.arrayBuffer(), entry.isOriginal);
  if (refusal) {
    show(entry, words(refusal.code, refusal.about), command(entry.file.name));
    return false;
  }
  keep([{ media_type: result.type, prints: result.prints, remarks: result.remarks }], entry.file.name);
  show(entry, words(entry.isOriginal ? "ready" : "pasted"));
  return true;
}

function send(data, progress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", theForm().action);
    request.upload.addEventListener("progress", (event) => progress(event.loaded / event.total));
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => resolve(null));
    request.send(data);
  });
}

async function upload(entry) {
  for (let tries = 0; tries < BUSY_TRIES; tries += 1) {
    const data = new FormData();
    data.set("csrfmiddlewaretoken", theForm().elements.csrfmiddlewaretoken.value);
    data.set("step", "measure");
    data.set("agree", "on");
    data.set("file", entry.file, "file");
    const request = await send(data, (part) =>
      show(entry, part < 1 ? words("sending", Math.round(100 * part)) : words("reading")));
    if (!request || request.status !== BUSY) {
      return request;
    }
    show(entry, words("busy"));
    await new Promise((resolve) => { setTimeout(resolve, BUSY_WAIT_MS); });
  }
  return null;
}

async function takeOther(entry) {
  if (entry.file.size > Number(theForm().dataset.mostBytes)) {
    show(entry, words("large"), command(entry.file.name));
    return false;
  }
  if (!theForm().elements.agree.checked) {
    show(entry, words("consent"));
    waiting.push(entry);
    return false;
  }
  const request = await upload(entry);
  const isJson = request && request.getResponseHeader("Content-Type") === "application/json";
  const answer = isJson ? JSON.parse(request.responseText) : { error: words("failed") };
  if (answer.error) {
    show(entry, answer.error, command(entry.file.name));
    return false;
  }
  keep(answer.items, entry.file.name);
  show(entry, words("ready"));
  return true;
}

async function take(entry) {
  try {
    const head = new Uint8Array(await entry.file.slice(0, HEAD_BYTES).arrayBuffer());
    return await (pictureType(head) ? takePicture(entry) : takeOther(entry));
  } catch {
    show(entry, words("failed"), command(entry.file.name));
    return false;
  }
}

function takeAll(entries) {
  queue = queue.then(async () => {
    let isNew = false;
    for (const entry of entries) {
      isNew = (await take(entry)) || isNew;
    }
    if (isNew) {
      await ask("check");
    }
  });
}

async function addFiles(files, { isPasted = false } = {}) {
  await open();
  const entries = files.map((file) => newEntry(file, isPasted));
  entries.forEach((entry) => show(entry, words("waiting")));
  takeAll(entries);
}

async function addText(text) {
  await open();
  theForm().elements.value.value = text;
  await ask("check");
}

// ---- the form -----------------------------------------------------------------------------------

function formIn(html) {
  return new DOMParser().parseFromString(html, "text/html").getElementById("share");
}

function prepare(form) {
  form.querySelectorAll("[data-with-script]").forEach((part) => { part.hidden = false; });
  form.querySelectorAll("[data-without-script]").forEach((part) => { part.hidden = true; });
  form.querySelector("[data-files]").append(list);
  form.querySelectorAll("[data-item]").forEach((part) => {
    part.textContent = names.get(part.dataset.item) || part.textContent;
  });
  form.elements.file.multiple = true;
  form.elements.file.addEventListener("change", () => {
    addFiles([...form.elements.file.files]);
    form.elements.file.value = "";
  });
  form.elements.agree.addEventListener("change", () => {
    const entries = form.elements.agree.checked ? waiting : [];
    waiting = waiting.filter((entry) => !entries.includes(entry));
    takeAll(entries);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(event.submitter ? event.submitter.value : "check");
  });
  form.addEventListener("keydown", (event) => {
    const button = form.querySelector("button[value=share]");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && button) {
      event.preventDefault();
      button.click();
    }
  });
}

function focusOn(form) {
  const next = form.querySelector("[aria-invalid=true], [role=alert]:not([data-trouble])")
    || form.querySelector("button[value=share]") || form.elements.value;
  next.tabIndex = next.tabIndex < 0 ? -1 : next.tabIndex;
  next.focus();
}

function replace(form) {
  const fresh = document.importNode(form, true);
  theForm().replaceWith(fresh);
  prepare(fresh);
  focusOn(fresh);
}

// Send the form for a check, or to share; a share leads to the next page.
async function ask(step) {
  if (isSending) {
    return;
  }
  isSending = true;
  const data = new FormData(theForm());
  data.delete("file");
  data.set("step", step);
  try {
    const response = await fetch(theForm().action, { method: "POST", body: data });
    if (response.redirected) {
      window.location.assign(response.url);
      return;
    }
    const form = formIn(await response.text());
    if (form) {
      replace(form);
    } else {
      theForm().querySelector("[data-trouble]").textContent = words("trouble");
    }
  } catch {
    theForm().querySelector("[data-trouble]").textContent = words("trouble");
  } finally {
    isSending = false;
  }
}

// Make sure that the form is on the page: on a board or a room it comes with the first file.
async function open() {
  const place = document.querySelector("[data-share]");
  if (theForm() || !place) {
    return;
  }
  const response = await fetch(place.dataset.share);
  const form = formIn(await response.text());
  if (form && !theForm()) {
    place.append(document.importNode(form, true));
    prepare(theForm());
  }
}

// ---- dropping and pasting anywhere on the page ---------------------------------------------------

function isEditable(target) {
  return target instanceof Element && target.matches("input, textarea, select, [contenteditable]");
}

document.addEventListener("dragover", (event) => {
  event.preventDefault();
});

document.addEventListener("drop", (event) => {
  const { files } = event.dataTransfer;
  const text = event.dataTransfer.getData("text/uri-list") || event.dataTransfer.getData("text/plain");
  if (!files.length && (isEditable(event.target) || !text)) {
    return;
  }
  event.preventDefault();
  if (files.length) {
    addFiles([...files]);
  } else {
    addText(text);
  }
});

document.addEventListener("paste", (event) => {
  const { files } = event.clipboardData;
  const text = event.clipboardData.getData("text/plain").trim();
  if (files.length) {
    event.preventDefault();
    addFiles([...files], { isPasted: true });
  } else if (text && !isEditable(event.target)) {
    event.preventDefault();
    addText(text);
  }
});

document.querySelectorAll("[data-share] [data-with-script]").forEach((part) => {
  part.hidden = false;
});
if (theForm()) {
  prepare(theForm());
}
