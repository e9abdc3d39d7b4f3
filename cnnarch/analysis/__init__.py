"""What follows from a graph: totals, savings, arithmetic, differences, kept and broken promises."""
