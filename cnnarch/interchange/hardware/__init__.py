"""Networks for the tools of hardware people: what every layer multiplies, as each tool reads it."""
