# SPDX-License-Identifier: Apache-2.0
"""An index of fingerprints that match only when they are equal: digests and URLs."""


class ExactIndex:
    """Finds the entries that hold a value. One writer at a time; readers never wait.

    An entry that is put under another value is findable under both until `leave` is called for the
    first one, so that a reader who tries both values never misses it.
    """

    def __init__(self) -> None:
        # Nearly every value has one entry, which is then held bare: a dict for each would take
        # five times the memory. A value that many entries share must not cost their square.
        self._keys: dict[bytes, str | dict[str, None]] = {}
        self._values: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._values)

    def find(self, value: bytes) -> tuple[str, ...]:
        """Return the keys of the entries that hold this value; none: ()."""
        held = self._keys.get(value)
        if held is None:
            return ()
        return (held,) if isinstance(held, str) else tuple(held)

    def value_of(self, key: str) -> bytes | None:
        """Return the value an entry was put under last; None if it is not held."""
        return self._values.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Make an entry findable under a value."""
        held = self._keys.setdefault(value, key)
        if not isinstance(held, str):
            held[key] = None
        elif held != key:
            self._keys[value] = {held: None, key: None}
        self._values[key] = value

    def leave(self, key: str, value: bytes) -> None:
        """Stop finding an entry under a value."""
        held = self._keys.get(value)
        if isinstance(held, dict):
            held.pop(key, None)
        if held in (key, {}):
            del self._keys[value]
        if self._values.get(key) == value:
            del self._values[key]
