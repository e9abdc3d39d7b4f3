"""One self-contained page about one network or several: figures, the table of all layers, the arithmetic of each."""

from cnnarch.render.report.page import document

__all__ = ["document"]
