"""PyTorch: modules that are run once without data, and the names and files that they come by."""
