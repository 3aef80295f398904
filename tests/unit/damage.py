"""Damage to files that changes no length, as a disk or a copy may do it."""


def with_a_changed_byte(content: bytes, index: int) -> bytes:
    """The content with one bit of the byte at an index, which may count from the end, turned over."""
    changed = bytearray(content)
    changed[index] ^= 1
    return bytes(changed)
