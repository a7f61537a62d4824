# SPDX-License-Identifier: Apache-2.0
"""RAR archives of stored files, written byte by byte: no free program writes them.

source: RARLAB, RAR 5.0 archive format; unrar's technote.txt for version 4.
"""

import struct
import zlib

REGULAR, LINK = 0o100644, 0o120777
_ENCRYPTED_4, _FOLDER_5 = 0x04, 0x01


GOES_ON, CAME_FROM = 0x10, 0x08
"""Flags of a file of RAR 5 that goes on in another volume, or began in one."""


def rar5(files, *, mode=REGULAR, encrypted=False, sized=None, flags=0):
    """files: content by name. sized: a stated size that is another one."""
    blocks = [_block5(1, number(0))]
    for name, content in files.items():
        head = number(0x04) + number(len(content) if sized is None else sized) + number(mode)
        head += struct.pack("<L", zlib.crc32(content))
        head += number(0) + number(1) + number(len(name.encode())) + name.encode()
        extra = _ENCRYPTION_5 if encrypted else b""
        blocks.append(_block5(2, head, extra=extra, content=content, flags=flags))
    return b"Rar!\x1a\x07\x01\0" + b"".join(blocks) + _block5(5, number(0))


def rar4(files, *, mode=REGULAR, encrypted=False):
    """files: content by name."""
    blocks = [_block4(0x73, 0, bytes(6))]
    for name, content in files.items():
        spelled = name.encode("ascii")
        head = struct.pack(
            "<LLBLLBBHL",
            *(len(content), len(content), 3, zlib.crc32(content), 0, 20, 0x30),
            *(len(spelled), mode),
        )
        flags = 0x8000 | (_ENCRYPTED_4 if encrypted else 0)
        blocks.append(_block4(0x74, flags, head + spelled) + content)
    return b"Rar!\x1a\x07\0" + b"".join(blocks) + _block4(0x7B, 0x4000, b"")


def number(value):
    """A number as RAR 5 writes them: seven bits in a byte, the lowest first."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))


_ENCRYPTION_5 = number(0x31) + number(1) + number(0) + number(0) + bytes((15,)) + bytes(45)


def _block5(kind, fields, *, extra=b"", content=b"", flags=0):
    flags |= (1 if extra else 0) | (2 if kind == 2 else 0)
    head = number(kind) + number(flags)
    head += number(len(extra)) if extra else b""
    head += number(len(content)) if kind == 2 else b""
    head += fields + extra
    sized = number(len(head)) + head
    return struct.pack("<L", zlib.crc32(sized)) + sized + content


def _block4(kind, flags, fields):
    head = struct.pack("<BHH", kind, flags, 7 + len(fields)) + fields
    return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head
