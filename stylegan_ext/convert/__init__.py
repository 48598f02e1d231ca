"""Foreign model files in and out; nothing in them is ever executed."""
