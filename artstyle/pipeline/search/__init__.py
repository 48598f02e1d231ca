"""How strongly a style is laid over a base: searched once, written beside the style, walked then.

`settings` reads, writes and walks `STYLE.swap.json`; `run` is the search that makes it.
"""
