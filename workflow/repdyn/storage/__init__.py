"""Files that are whole, sealed by checksums, and that say where they come from."""
