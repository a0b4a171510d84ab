"""The bucket of a key by the book: RFC 7693 in plain Python, and exact fractions.

Nothing here is shared with the product. `buckets.json` was computed by these
functions once and is frozen: a change of the product that moves a single key is
a change that moves users, and the vectors are there to say so.

To look at one vector by hand: `python -m tests.golden.reference SALT KEY`.
"""

import sys
from fractions import Fraction

_MASK = (1 << 64) - 1
_IV = (
    0x6A09E667F3BCC908,
    0xBB67AE8584CAA73B,
    0x3C6EF372FE94F82B,
    0xA54FF53A5F1D36F1,
    0x510E527FADE682D1,
    0x9B05688C2B3E6C1F,
    0x1F83D9ABFB41BD6B,
    0x5BE0CD19137E2179,
)
_SIGMA = (
    "0123456789abcdef",
    "ea489fd61c02b753",
    "b8c052fdae367194",
    "7931dcbe265a40f8",
    "905724afe1bc683d",
    "2c6a0b834d75fe19",
    "c51fed4a0763928b",
    "db7ec13950f4862a",
    "6fe9b308c2d714a5",
    "a2847615fb9e3cd0",
)
_QUARTERS = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)


def reference_bucket(salt: bytes, key: bytes) -> int:
    """Return the bucket of a key: how far from 0 to 1 its hash lies, in 100,000ths."""
    number = int.from_bytes(blake2b_64(b"crossfade-1\x1f" + key, salt), "big")
    return int(Fraction(number, 2**64) * 100_000)


def blake2b_64(data: bytes, key: bytes) -> bytes:
    """Return the keyed BLAKE2b digest of 8 bytes (RFC 7693 sections 3.2 and 3.3)."""
    state = list(_IV)
    state[0] ^= 0x01010000 ^ (len(key) << 8) ^ 8
    whole = (key.ljust(128, b"\0") if key else b"") + data
    blocks = [whole[at : at + 128] for at in range(0, len(whole), 128)] or [b""]
    done = 0
    for block in blocks[:-1]:
        done += 128
        state = _compress(state, block, done, last=False)
    done += len(blocks[-1])
    state = _compress(state, blocks[-1].ljust(128, b"\0"), done, last=True)
    return state[0].to_bytes(8, "little")


def _compress(state: list[int], block: bytes, done: int, *, last: bool) -> list[int]:
    words = [int.from_bytes(block[at : at + 8], "little") for at in range(0, 128, 8)]
    v = state + list(_IV)
    v[12] ^= done & _MASK
    v[13] ^= done >> 64
    if last:
        v[14] ^= _MASK
    for turn in range(12):
        order = [int(digit, 16) for digit in _SIGMA[turn % 10]]
        for place, (a, b, c, d) in enumerate(_QUARTERS):
            _mix(v, a, b, c, d, words[order[2 * place]], words[order[2 * place + 1]])
    return [state[i] ^ v[i] ^ v[i + 8] for i in range(8)]


def _mix(v: list[int], a: int, b: int, c: int, d: int, x: int, y: int) -> None:
    for word, first, second in ((x, 32, 24), (y, 16, 63)):
        v[a] = (v[a] + v[b] + word) & _MASK
        v[d] = _turn(v[d] ^ v[a], first)
        v[c] = (v[c] + v[d]) & _MASK
        v[b] = _turn(v[b] ^ v[c], second)


def _turn(word: int, by: int) -> int:
    return ((word >> by) | (word << (64 - by))) & _MASK


if __name__ == "__main__":
    print(reference_bucket(sys.argv[1].encode(), sys.argv[2].encode()))
