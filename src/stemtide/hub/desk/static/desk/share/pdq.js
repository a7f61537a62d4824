// SPDX-License-Identifier: Apache-2.0
// PDQ of brightness, computed by the same C as in stemtide.fingerprints.image.pdq.

const GRID = 64;
const SIDE = 16;
const LANES = 16;
const HASH_BYTES = 32;

export const MIN_SIDE_PX = 5;

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

// Put the filter along one side into memory: starts, and weights in rows of `band`, a multiple of
// LANES.
function putFilter(kernels, full) {
  const tight = kernels.call.pdq_band(full);
  const starts = kernels.reserve(Int32Array.BYTES_PER_ELEMENT * GRID);
  const weights = kernels.reserve(Float64Array.BYTES_PER_ELEMENT * GRID * tight);
  kernels.call.pdq_filter(full, starts, weights);
  const exact = new Float64Array(kernels.call.memory.buffer, weights, GRID * tight);
  const band = Math.ceil(tight / LANES) * LANES;
  const table = new Float32Array(GRID * band);
  for (let sample = 0; sample < GRID; sample += 1) {
    table.set(exact.subarray(sample * tight, (sample + 1) * tight), sample * band);
  }
  const address = kernels.put(new Int32Array([starts, kernels.put(table), full, band]));
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
