"""The keyed hashes of all tests."""

from vigia.runtime.privacy.keyed_hash import KeyedHash

HASHES = KeyedHash("0123456789abcdef" * 2)
