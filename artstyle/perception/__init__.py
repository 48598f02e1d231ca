"""Networks that see: VGG for style and likeness; below metrics and baselines."""
