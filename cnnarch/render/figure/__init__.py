"""Figures of networks, as SVG and as text of other kinds."""
