// SPDX-License-Identifier: Apache-2.0
// Fingerprints of a picture file: of a still one PDQ, of an animation one for each distinct frame,
// and the digests of the file. The same rules as stemtide.fingerprints.image.

import { hex } from "./kernels.js";
import { UnknownFormatError, writeLuma } from "./luma.js";
import { MIN_SIDE_PX, hashPicture } from "./pdq.js";

const MAX_PIXELS = 89478485;
const MAX_FRAMES = 600;
const MIN_QUALITY = 50;
const DISTINCT_BITS = 8;
const STANDING_US = 500000;
const UNSAID_US = 10000;
const SHOWN_US = 100000;
const ANIMATED = new Set(["image/gif", "image/png", "image/webp", "image/avif"]);

const SIGNATURES = [
  [0, "\xff\xd8\xff", "image/jpeg"],
  [0, "\x89PNG\r\n\x1a\n", "image/png"],
  [0, "GIF8", "image/gif"],
  [8, "WEBP", "image/webp"],
  [4, "ftypavi", "image/avif"],
  [0, "BM", "image/bmp"],
  [4, "ftyphei", "image/heic"],
  [4, "ftyphev", "image/heic"],
  [4, "ftypmif1", "image/heif"],
  [4, "ftypmsf1", "image/heif"],
  [0, "II*\x00", "image/tiff"],
  [0, "MM\x00*", "image/tiff"],
  [0, "8BPS", "image/vnd.adobe.photoshop"],
  [0, "\x00\x00\x00\x0cjP", "image/jp2"],
  [0, "\x00\x00\x00\x0cJXL", "image/jxl"],
  [0, "\xff\x0a", "image/jxl"],
  [0, "\x00\x00\x01\x00", "image/x-icon"],
];

// Why a picture is refused: a code that the page has words for, and what it is about.
export class PictureError extends Error {
  constructor(code, about = "") {
    super(code);
    this.code = code;
    this.about = about;
  }
}

// Return the media type of a picture by its first bytes; "" if it is none.
export function pictureType(head) {
  const text = String.fromCharCode(...head.subarray(0, 16));
  const found = SIGNATURES.find(([at, signature]) => text.startsWith(signature, at));
  return found ? found[2] : "";
}

// Return the fingerprints of a picture. isOriginal: its bytes are those of a file, not of a
// picture that a clipboard made anew, whose digests would be those of no file.
export async function fingerprintPicture(kernels, content, { isOriginal }) {
  const type = pictureType(content);
  if (!globalThis.ImageDecoder || !crypto.subtle) {
    throw new PictureError("browser");
  }
  if (!(await ImageDecoder.isTypeSupported(type))) {
    throw new PictureError("format", type.replace("image/", ""));
  }
  const prints = isOriginal ? await digests(kernels, content) : [];
  const { frames, remarks } = await hashFrames(kernels, content, type);
  return { type, prints: [...prints, ...frames], remarks };
}

async function digests(kernels, content) {
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return [
    { kind: "sha256", value: hex(sha256) },
    { kind: "md5", value: kernels.md5(content) },
  ];
}

async function hashFrames(kernels, content, type) {
  const decoder = new ImageDecoder({
    data: content,
    type,
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  try {
    await Promise.all([decoder.completed, decoder.tracks.ready]);
    const count = ANIMATED.has(type) ? decoder.tracks.selectedTrack.frameCount : 1;
    const backdrop = type === "image/gif" ? gifBackdrop(content) : null;
    return count > 1
      ? await hashAnimation(kernels, decoder, count, backdrop)
      : await hashStill(kernels, decoder, backdrop);
  } catch (error) {
    if (error instanceof PictureError) {
      throw error;
    }
    throw error instanceof UnknownFormatError
      ? new PictureError("format", type.replace("image/", ""))
      : new PictureError("damaged");
  } finally {
    decoder.close();
  }
}

// Return the colour under transparent pixels of a GIF's first frame, which a decoder drops and PDQ
// counts: [red, green, blue]; null if there is none.
export function gifBackdrop(content) {
  const tableBytes = (flags) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let [table, at, index] = [13, 13 + tableBytes(content[10]), -1];
  while (content[at] === 0x21) {
    if (content[at + 1] === 0xf9) {
      index = content[at + 3] & 1 ? content[at + 6] : -1;
    }
    for (at += 2; content[at]; at += content[at] + 1);
    at += 1;
  }
  if (content[at] !== 0x2c || index < 0) {
    return null;
  }
  table = tableBytes(content[at + 9]) ? at + 10 : table;
  return content.subarray(table + 3 * index, table + 3 * index + 3);
}

async function decoded(decoder, frameIndex) {
  const { image } = await decoder.decode({ frameIndex, completeFramesOnly: true });
  return image;
}

// Return hash and quality of a frame, and release it.
async function hashFrame(kernels, frame, backdrop = null) {
  try {
    const { width, height } = frame.visibleRect;
    if (width * height > MAX_PIXELS) {
      throw new PictureError("pixels");
    }
    if (Math.min(width, height) < MIN_SIDE_PX) {
      throw new PictureError("small");
    }
    return await hashPicture(kernels, width, height, (view) => writeLuma(frame, view, backdrop));
  } finally {
    frame.close();
  }
}

async function hashStill(kernels, decoder, backdrop) {
  const { hash, quality } = await hashFrame(kernels, await decoded(decoder, 0), backdrop);
  return { frames: [{ kind: "pdq", value: hex(hash), quality }], remarks: [] };
}

function bitsBetween(one, other) {
  let bits = 0;
  for (let at = 0; at < one.length; at += 1) {
    for (let rest = one[at] ^ other[at]; rest; rest &= rest - 1) {
      bits += 1;
    }
  }
  return bits;
}

async function hashAnimation(kernels, decoder, count, backdrop) {
  const half = MAX_FRAMES / 2;
  const every = count <= MAX_FRAMES ? 1 : Math.ceil(count / half);
  const kept = [];
  let dull = null;
  let [chosen, standing, atUs] = [0, 0, 0];
  for (let number = 0; number < count; number += 1) {
    const frame = await decoded(decoder, number);
    const shownUs = frame.duration > UNSAID_US ? frame.duration : SHOWN_US;
    const isStill = every > 1 && shownUs >= STANDING_US && standing < half;
    standing += isStill ? 1 : 0;
    if (number % every === 0 || isStill) {
      chosen += 1;
      const made = await hashFrame(kernels, frame, number === 0 ? backdrop : null);
      made.part = `frame ${number + 1} at ${(atUs / 1e6).toFixed(1)} s`;
      if (made.quality < MIN_QUALITY) {
        dull = dull || made;
      } else if (kept.every((other) => bitsBetween(other.hash, made.hash) >= DISTINCT_BITS)) {
        kept.push(made);
      }
    } else {
      frame.close();
    }
    atUs += shownUs;
  }
  const frames = kept.length ? kept : [dull];
  return {
    frames: frames.map(({ hash, quality, part }) => ({ kind: "pdq", value: hex(hash), quality, part })),
    remarks: [`animated: ${chosen} of ${count} frames looked at, ${kept.length} distinct kept`],
  };
}
