"""Representations: taken from a network, read from their table, and chosen for comparison."""
