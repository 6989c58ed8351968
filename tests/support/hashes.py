"""The keyed hashes of all tests."""

from vigia.runtime.privacy.keyed_hash import KeyedHash

KEY = "0123456789abcdef" * 2
HASHES = KeyedHash(KEY)
