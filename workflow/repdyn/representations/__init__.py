"""Representations: extract them from a network, read them from their table, and select them for comparison."""
