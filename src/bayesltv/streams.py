"""One seed, many named random streams.

Nothing in the toolkit shares a generator: every use names its stream, so that adding one use never moves the
numbers of another.
"""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def stream_key(seed: int, *names: str) -> bytes:
    """Return 16 bytes that stand for (seed, names)."""
    text = "\x1f".join([str(int(seed)), *names])
    return blake2b(text.encode(), digest_size=16).digest()


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return the NumPy generator of the stream `names` under `seed`."""
    return np.random.default_rng(int.from_bytes(stream_key(seed, *names), "little"))


def customer_keys(seed: int, stream: str, customer_ids: Iterable[str]) -> NDArray[np.uint64]:
    """Return one 64-bit key per customer: a hash of (seed, stream, text of the id).

    Returns
    -------
    ndarray of uint64, shape (customer,)
        Equal ids get equal keys wherever they stand; equal histories with different ids do not.
    """
    key = stream_key(seed, stream)
    digests = b"".join(blake2b(i.encode(), digest_size=8, key=key).digest() for i in customer_ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
