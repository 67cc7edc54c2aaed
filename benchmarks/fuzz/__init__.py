"""Damaged and hostile files over every reader: how they are made, read and judged."""
