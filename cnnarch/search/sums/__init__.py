"""Totals of many variants of one spec, part by part; what was counted is kept."""
