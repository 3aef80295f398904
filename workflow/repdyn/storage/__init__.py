"""Files that are written whole, sealed by checksums, and signed with their origin."""
