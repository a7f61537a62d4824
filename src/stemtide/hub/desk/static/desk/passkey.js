// SPDX-License-Identifier: Apache-2.0
// Passkeys: asks the browser to make one or to sign with one, and sends what it says with a form.
// Without this file, or in a browser without passkeys, their forms stay hidden.
"use strict";

(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) {
    return;
  }

  function bytes(text) {
    const padded = text.replace(/-/g, "+").replace(/_/g, "/");
    return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
  }

  function text(buffer) {
    const letters = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function withBytes(list) {
    return (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
  }

  // A passkey is kept by the device itself, which asks for a PIN, a finger or a face.
  async function make(given) {
    const publicKey = { ...given.publicKey };
    publicKey.challenge = bytes(publicKey.challenge);
    publicKey.user = { ...publicKey.user, id: bytes(publicKey.user.id) };
    publicKey.excludeCredentials = withBytes(publicKey.excludeCredentials);
    publicKey.authenticatorSelection = {
      ...publicKey.authenticatorSelection,
      residentKey: "required",
      requireResidentKey: true,
      userVerification: "required",
    };
    const made = await navigator.credentials.create({ publicKey });
    return {
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      clientExtensionResults: made.getClientExtensionResults(),
      response: {
        clientDataJSON: text(made.response.clientDataJSON),
        attestationObject: text(made.response.attestationObject),
      },
    };
  }

  async function sign(given) {
    const publicKey = { ...given.publicKey };
    publicKey.challenge = bytes(publicKey.challenge);
    publicKey.allowCredentials = withBytes(publicKey.allowCredentials);
    const signed = await navigator.credentials.get({ publicKey });
    const { userHandle } = signed.response;
    return {
      id: signed.id,
      rawId: text(signed.rawId),
      type: signed.type,
      clientExtensionResults: signed.getClientExtensionResults(),
      response: {
        clientDataJSON: text(signed.response.clientDataJSON),
        authenticatorData: text(signed.response.authenticatorData),
        signature: text(signed.response.signature),
        userHandle: userHandle ? text(userHandle) : null,
      },
    };
  }

  async function options(form) {
    if (form.dataset.passkeyAsk) {
      const headers = { Accept: "application/json" };
      const answer = await fetch(form.dataset.passkeyAsk, { headers });
      return answer.json();
    }
    return JSON.parse(document.getElementById("passkey-data").textContent);
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.closest("[data-passkey-block]").hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const wrong = form.querySelector("[data-passkey-error]");
      wrong.hidden = true;
      try {
        const given = await options(form);
        const said = form.dataset.passkey === "create"
          ? await make(given.creation_options)
          : await sign(given.request_options);
        form.querySelector("[name=credential]").value = JSON.stringify(said);
        form.submit();
      } catch {
        wrong.hidden = false;
      }
    });
  }
  for (const none of document.querySelectorAll("[data-passkey-none]")) {
    none.hidden = true;
  }
})();
