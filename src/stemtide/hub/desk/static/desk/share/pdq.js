// SPDX-License-Identifier: Apache-2.0
// PDQ of brightness, as stemtide.fingerprints.image.pdq computes it: the filters are made here in
// the order of that code, so that they are equal to the bit, and the loops are the same C.

const GRID = 64;
const SIDE = 16;
const LANES = 16;
const HASH_BYTES = 32;
const NOTHING = 1e-9;

export const MIN_SIDE_PX = 5;

// The weights of one sample: two passes of a box filter around its centre. Only the pixels from
// `first` on have any.
function sampleWeights(sample, full, windowPx, ahead) {
  const low = (place) => Math.max(place - (windowPx - ahead), 0);
  const high = (place) => Math.min(place + ahead, full);
  const centre = Math.trunc(((sample + 0.5) * full) / GRID);
  const begin = low(centre);
  const first = low(begin);
  const steps = new Float64Array(high(Math.min(begin + windowPx, full - 1)) - first + 1);
  const places = [];
  for (let k = 0; k < windowPx; k += 1) {
    const isInside = begin + k < high(centre);
    const place = Math.min(begin + k, full - 1);
    const step = isInside ? 1 / ((high(centre) - begin) * (high(place) - low(place))) : 0;
    places.push([place, step]);
  }
  places.forEach(([place, step]) => { steps[low(place) - first] += step; });
  places.forEach(([place, step]) => { steps[high(place) - first] -= step; });
  const weights = [];
  let sum = 0;
  for (let at = 0; at < steps.length && first + at < full; at += 1) {
    sum += steps[at];
    weights.push(sum < NOTHING ? 0 : sum);
  }
  return { first, weights };
}

// The filter along one side: starts, and weights in rows of `band`, a multiple of LANES.
function filterOf(full) {
  const windowPx = Math.floor((full + 127) / 128);
  const ahead = Math.floor((windowPx + 2) / 2);
  const rows = [];
  for (let sample = 0; sample < GRID; sample += 1) {
    const { first, weights } = sampleWeights(sample, full, windowPx, ahead);
    const from = weights.findIndex((weight) => weight > 0);
    const to = weights.findLastIndex((weight) => weight > 0);
    rows.push({ first: first + from, weights: weights.slice(from, to + 1) });
  }
  const tight = Math.max(...rows.map((row) => row.weights.length));
  const band = Math.ceil(tight / LANES) * LANES;
  const starts = new Int32Array(GRID);
  const table = new Float32Array(GRID * band);
  rows.forEach((row, sample) => {
    starts[sample] = Math.min(row.first, full - tight);
    table.set(row.weights, sample * band + row.first - starts[sample]);
  });
  return { starts, table, band };
}

function cosineTables() {
  const cosines = new Float32Array(SIDE * GRID);
  const turned = new Float32Array(SIDE * GRID);
  for (let frequency = 1; frequency <= SIDE; frequency += 1) {
    for (let place = 0; place < GRID; place += 1) {
      const angle = (Math.PI / (2 * GRID)) * frequency * (2 * place + 1);
      const value = Math.sqrt(2 / GRID) * Math.cos(angle);
      cosines[(frequency - 1) * GRID + place] = value;
      turned[place * SIDE + frequency - 1] = value;
    }
  }
  return { cosines, turned };
}

const { cosines: COSINES, turned: TURNED } = cosineTables();

function putFilter(kernels, full) {
  const { starts, table, band } = filterOf(full);
  const startsAt = kernels.put(starts);
  const tableAt = kernels.put(table);
  const address = kernels.put(new Int32Array([startsAt, tableAt, full, band]));
  return { address, band };
}

// Hash a picture. writeLuma(view): writes width x height bytes of brightness into the view.
export async function hashPicture(kernels, width, height, writeLuma) {
  kernels.reset();
  const down = putFilter(kernels, height);
  const across = putFilter(kernels, width);
  const cosines = kernels.put(COSINES);
  const turned = kernels.put(TURNED);
  const line = kernels.reserve(4 * (width + across.band));
  const grid = kernels.reserve(4 * GRID * GRID);
  const hash = kernels.reserve(HASH_BYTES);
  const luma = kernels.reserve(width * height);
  await writeLuma(kernels.bytes(luma, width * height));
  kernels.call.pdq_shrink(luma, BigInt(width), down.address, across.address, line, grid);
  kernels.call.pdq_hash(grid, cosines, turned, hash);
  const quality = kernels.call.pdq_quality(grid);
  return { hash: kernels.bytes(hash, HASH_BYTES).slice(), quality };
}
