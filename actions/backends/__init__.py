"""Seams to the shop's own systems: orders, logistics, returns, members."""
