// SPDX-License-Identifier: Apache-2.0
// Makes the fingerprints of pictures, apart from the page. The hub sends this file with a policy
// that forbids the worker every connection, so what it sees cannot leave the computer from here.

import { Kernels } from "./kernels.js";
import { PictureError, fingerprintPicture } from "./picture.js";

let kernels = null;
let last = Promise.resolve();

async function answer({ id, content, isOriginal }) {
  try {
    const result = await fingerprintPicture(await kernels, new Uint8Array(content), { isOriginal });
    self.postMessage({ id, result });
  } catch (error) {
    const refusal = error instanceof PictureError ? error : new PictureError("failed");
    self.postMessage({ id, refusal: { code: refusal.code, about: refusal.about } });
  }
}

self.addEventListener("message", (event) => {
  if (event.data.kernels) {
    kernels = Kernels.load(event.data.kernels);
    return;
  }
  last = last.then(() => answer(event.data)); // one after the other: they share one memory
});
