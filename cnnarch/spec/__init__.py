"""From a page of YAML to a graph."""
