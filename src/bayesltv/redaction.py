"""Hashes that stand for customer ids where ids must not be seen: keyed, so that nobody can list them."""

import os
import secrets
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from bayesltv.errors import StoreError

KEY_VARIABLE = "BAYESLTV_REDACT_KEY"
"""Environment variable with the secret."""
SHORTEST = 16
"""Bytes of a secret: a shorter one could be guessed, and then every id be looked up."""
DIGEST_BYTES = 10
"""80 bits: that two of a million ids share a hash has a chance of 4e-13."""
LONGEST_KEY = 64
"""Bytes that BLAKE2b takes for a key; a longer secret is hashed to as many."""


@dataclass(frozen=True)
class Redaction:
    """How ids are hidden.

    Attributes
    ----------
    key : bytes
        Whoever has it can find out whose hash is whose.
    repeats : bool
        Whether the key was given, so that an id has the same hash in the next run.

    Examples
    --------
    >>> Redaction(b"sixteen bytes or more", repeats=True).hashed("00017")
    '#0f4eb4ac3ff5b1a1d7f5'
    """

    key: bytes = field(repr=False)
    repeats: bool

    def hashed(self, customer_id: object) -> str:
        """Return the hash that stands for a customer id."""
        text = str(customer_id).encode("utf-8", "surrogatepass")
        return "#" + blake2b(text, digest_size=DIGEST_BYTES, key=self.key).hexdigest()

    def described(self) -> dict[str, object]:
        """Return what a manifest says of it, in JSON's types: never the key."""
        note = "the key was given" if self.repeats else "made with a random key: hashes do not repeat"
        return {"hash_bits": 8 * DIGEST_BYTES, "repeats": self.repeats, "note": note}


def redaction_of(key_file: str | Path | None = None) -> Redaction:
    """Return the redaction with the secret of a file, else of the environment, else a random one.

    Raises
    ------
    StoreError
        Where the file cannot be read, or a secret is shorter than 16 bytes.
    """
    if key_file is not None:
        try:
            secret = Path(key_file).read_bytes().strip()
        except (OSError, ValueError) as error:
            raise StoreError(f"the key file {key_file} cannot be read: {error}") from None
        return Redaction(_key(secret, f"the key file {key_file}"), repeats=True)
    given = os.environ.get(KEY_VARIABLE, "").strip()
    if given:
        return Redaction(_key(os.fsencode(given), KEY_VARIABLE), repeats=True)
    return Redaction(secrets.token_bytes(LONGEST_KEY), repeats=False)


def _key(secret: bytes, where: str) -> bytes:
    if len(secret) < SHORTEST:
        raise StoreError(
            f"{where} holds {len(secret)} bytes, too few for a secret: give {SHORTEST} or more, for example "
            "from `openssl rand -hex 32`"
        )
    return secret if len(secret) <= LONGEST_KEY else blake2b(secret).digest()
