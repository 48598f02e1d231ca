"""Curating: what can be measured about aligned crops, and what follows from it.

Pure functions: arrays and records in, arrays and records out. `figures` and `look` measure one
crop; `rules`, `duplicates`, `clusters` and `split` propose something about many. Whose crops these
are, and what becomes of the proposals, is `artstyle.pipeline.curate`'s.
"""
