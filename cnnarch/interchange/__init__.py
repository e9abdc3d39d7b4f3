"""Other worlds' models and ours: each door reads a model as a `Model`, or writes a network for another tool."""
