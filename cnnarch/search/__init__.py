"""Many variants of one network: what varies, how each is measured, who runs them, and which are the best."""
