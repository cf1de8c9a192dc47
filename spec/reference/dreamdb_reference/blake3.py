"""BLAKE3 in plain Python, for small inputs: after section 2 of its paper (2020)."""

import struct

_BLOCK, _CHUNK = 64, 1024
_CHUNK_START, _CHUNK_END, _PARENT, _ROOT = 1, 2, 4, 8
_MASK = 0xFFFFFFFF

# The first words of the square roots' fractions, shared with SHA-256 (table 1 of the paper).
_IV = (
    0x6A09E667,
    0xBB67AE85,
    0x3C6EF372,
    0xA54FF53A,
    0x510E527F,
    0x9B05688C,
    0x1F83D9AB,
    0x5BE0CD19,
)
# How the message words are reordered after each round (table 2).
_PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
# Columns, then diagonals, of the 4 x 4 state that one round mixes.
_MIXES = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)


def _rotate(word: int, bits: int) -> int:
    return ((word >> bits) | (word << (32 - bits))) & _MASK


def _compress(chaining: tuple, block: bytes, counter: int, length: int, flags: int) -> list:
    """The compression function (section 2.2); the 16 words of its full output."""
    words = list(struct.unpack("<16I", block.ljust(_BLOCK, b"\0")))
    state = list(chaining) + list(_IV[:4])
    state += [counter & _MASK, counter >> 32, length, flags]
    for turn in range(7):
        for index, (a, b, c, d) in enumerate(_MIXES):
            for word, right_d, right_b in (
                (words[2 * index], 16, 12),
                (words[2 * index + 1], 8, 7),
            ):
                state[a] = (state[a] + state[b] + word) & _MASK
                state[d] = _rotate(state[d] ^ state[a], right_d)
                state[c] = (state[c] + state[d]) & _MASK
                state[b] = _rotate(state[b] ^ state[c], right_b)
        if turn < 6:
            words = [words[place] for place in _PERMUTATION]
    low = [state[i] ^ state[i + 8] for i in range(8)]
    return low + [state[i + 8] ^ chaining[i] for i in range(8)]


def _chunk(data: bytes, counter: int) -> tuple:
    """What the last compression of one chunk of at most 1,024 bytes is given (section 2.4)."""
    chaining = _IV
    last = max(0, (len(data) - 1) // _BLOCK)
    for index in range(last + 1):
        block = data[index * _BLOCK : (index + 1) * _BLOCK]
        flags = (_CHUNK_START if index == 0 else 0) | (_CHUNK_END if index == last else 0)
        if index < last:
            chaining = tuple(_compress(chaining, block, counter, len(block), flags)[:8])
    return chaining, block, counter, len(block), flags


def _tree(data: bytes, counter: int) -> tuple:
    """What the last compression of the subtree over `data` is given; its first chunk has number
    `counter` (section 2.1)."""
    if len(data) <= _CHUNK:
        return _chunk(data, counter)
    # The left child: the largest power of two of whole chunks that leaves the right one a byte.
    chunks = (len(data) - 1) // _CHUNK
    left_chunks = 1 << (chunks.bit_length() - 1)
    left = _compress(*_tree(data[: left_chunks * _CHUNK], counter))
    right = _compress(*_tree(data[left_chunks * _CHUNK :], counter + left_chunks))
    return _IV, struct.pack("<16I", *left[:8], *right[:8]), 0, _BLOCK, _PARENT


def digest(data: bytes, length: int = 32) -> bytes:
    """The first `length` bytes of the BLAKE3 output of `data` (section 2.6)."""
    chaining, block, _, size, flags = _tree(bytes(data), 0)
    blocks = [
        struct.pack("<16I", *_compress(chaining, block, number, size, flags | _ROOT))
        for number in range((length + _BLOCK - 1) // _BLOCK)
    ]
    return b"".join(blocks)[:length]
