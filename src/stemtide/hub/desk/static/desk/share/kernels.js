// SPDX-License-Identifier: Apache-2.0
// The hub's kernels in C, as WebAssembly: their memory, and MD5. pdq.js has the rest.

const ALIGN = 16;
const PAGE_BYTES = 65536;
const BLOCK_BYTES = 64;
const PIECE_BYTES = 1 << 20;
const STATE_BYTES = 16;

export class Kernels {
  // bytes: the compiled kernels. This needs 'wasm-unsafe-eval', which only the worker has.
  static async load(bytes) {
    const { instance } = await WebAssembly.instantiate(bytes, {});
    return new Kernels(instance.exports);
  }

  constructor(exports) {
    this.call = exports;
    this.top = exports.__heap_base.value;
  }

  // Forget everything that was reserved.
  reset() {
    this.top = this.call.__heap_base.value;
  }

  // Reserve bytes and return their address. Views made before may be detached: make new ones.
  reserve(sizeBytes) {
    const address = Math.ceil(this.top / ALIGN) * ALIGN;
    this.top = address + sizeBytes;
    const missing = this.top - this.call.memory.buffer.byteLength;
    if (missing > 0) {
      this.call.memory.grow(Math.ceil(missing / PAGE_BYTES));
    }
    return address;
  }

  bytes(address, count) {
    return new Uint8Array(this.call.memory.buffer, address, count);
  }

  // Put an array into memory and return its address.
  put(array) {
    const address = this.reserve(array.byteLength);
    const raw = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    this.bytes(address, array.byteLength).set(raw);
    return address;
  }

  // Return the MD5 of content in hex.
  md5(content) {
    this.reset();
    const state = this.reserve(STATE_BYTES);
    const piece = this.reserve(PIECE_BYTES);
    this.call.md5_start(state);
    const whole = content.length - (content.length % BLOCK_BYTES);
    for (let at = 0; at < whole; at += PIECE_BYTES) {
      const part = content.subarray(at, Math.min(at + PIECE_BYTES, whole));
      this.bytes(piece, part.length).set(part);
      this.call.md5_blocks(state, piece, part.length / BLOCK_BYTES);
    }
    const rest = content.subarray(whole);
    const last = new Uint8Array(rest.length < BLOCK_BYTES - 8 ? BLOCK_BYTES : 2 * BLOCK_BYTES);
    last.set(rest);
    last[rest.length] = 0x80;
    new DataView(last.buffer).setBigUint64(last.length - 8, 8n * BigInt(content.length), true);
    this.bytes(piece, last.length).set(last);
    this.call.md5_blocks(state, piece, last.length / BLOCK_BYTES);
    return hex(this.bytes(state, STATE_BYTES));
  }
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
