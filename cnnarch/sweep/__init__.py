"""Many variants of one spec."""
