// SPDX-License-Identifier: Apache-2.0
// Brightness of a decoded frame, as Pillow gives it: the luma of ITU-R BT.601, whatever the format.

const RED = 19595;
const GREEN = 38470;
const BLUE = 7471;
const HALF = 0x8000;
const WEIGHTS = { bt709: [0.2126, 0.0722], "bt2020-ncl": [0.2627, 0.0593] };
const BT601 = [0.299, 0.114];
const AS_IS = new Set(["smpte170m", "bt470bg", null, undefined]);
const SHIFTS = { 420: [1, 1], 422: [1, 0], 444: [0, 0] };

export class UnknownFormatError extends Error {}

// Write the brightness of a frame into a view of width x height bytes. backdrop: the colour of
// transparent pixels, where the decoder drops it.
export async function writeLuma(frame, view, backdrop) {
  const { width, height } = frame.visibleRect;
  const packed = /^(RGB|BGR)[AX]$/.exec(frame.format);
  const planar = /^I(420|422|444)A?(P10|P12)?$/.exec(frame.format);
  if (!packed && !planar) {
    throw new UnknownFormatError(String(frame.format));
  }
  const pixels = new Uint8Array(frame.allocationSize());
  const layout = await frame.copyTo(pixels);
  if (packed) {
    fromPacked(pixels, layout[0], view, width, height, packed[1] === "RGB");
    if (backdrop) {
      fillTransparent(pixels, layout[0], view, width, height, backdrop);
    }
    return;
  }
  const space = frame.colorSpace;
  const isPlain = space.fullRange && AS_IS.has(space.matrix);
  const planes = { pixels, layout, shifts: SHIFTS[planar[1]], deep: deepBits(planar[2]) };
  if (isPlain) {
    fromBrightness(planes, view, width, height);
  } else {
    fromColours(planes, view, width, height, space);
  }
}

function deepBits(suffix) {
  return suffix ? Number(suffix.slice(1)) - 8 : 0;
}

function fromPacked(pixels, { offset, stride }, view, width, height, isRedFirst) {
  const [first, last] = isRedFirst ? [RED, BLUE] : [BLUE, RED];
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0, at = offset + y * stride; x < width; x += 1, at += 4, to += 1) {
      const sum = first * pixels[at] + GREEN * pixels[at + 1] + last * pixels[at + 2];
      view[to] = (sum + HALF) >>> 16;
    }
  }
}

function fillTransparent(pixels, { offset, stride }, view, width, height, [red, green, blue]) {
  const level = (RED * red + GREEN * green + BLUE * blue + HALF) >>> 16;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (pixels[offset + y * stride + 4 * x + 3] === 0) {
        view[y * width + x] = level;
      }
    }
  }
}

// Return a function that reads a sample of a plane, 0..255.
function reader({ pixels, layout, deep }, plane) {
  const { offset, stride } = layout[plane];
  if (!deep) {
    return (x, y) => pixels[offset + y * stride + x];
  }
  return (x, y) => {
    const at = offset + y * stride + 2 * x;
    return (pixels[at] | (pixels[at + 1] << 8)) >> deep;
  };
}

function fromBrightness(planes, view, width, height) {
  if (!planes.deep) {
    const { offset, stride } = planes.layout[0];
    for (let y = 0; y < height; y += 1) {
      const from = offset + y * stride;
      view.set(planes.pixels.subarray(from, from + width), y * width);
    }
    return;
  }
  const bright = reader(planes, 0);
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, to += 1) {
      view[to] = bright(x, y);
    }
  }
}

function clamp(value) {
  return value < 0 ? 0 : value > 255 ? 255 : Math.round(value);
}

function fromColours(planes, view, width, height, space) {
  const [kr, kb] = WEIGHTS[space.matrix] || BT601;
  const kg = 1 - kr - kb;
  const [scale, chroma, black] = space.fullRange ? [1, 1, 0] : [255 / 219, 255 / 224, 16];
  const [bright, blue, red] = [0, 1, 2].map((plane) => reader(planes, plane));
  const [shiftX, shiftY] = planes.shifts;
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, to += 1) {
      const level = (bright(x, y) - black) * scale;
      const u = (blue(x >> shiftX, y >> shiftY) - 128) * chroma;
      const v = (red(x >> shiftX, y >> shiftY) - 128) * chroma;
      const r = clamp(level + 2 * (1 - kr) * v);
      const g = clamp(level - (2 * kb * (1 - kb) * u + 2 * kr * (1 - kr) * v) / kg);
      const b = clamp(level + 2 * (1 - kb) * u);
      view[to] = (RED * r + GREEN * g + BLUE * b + HALF) >>> 16;
    }
  }
}
