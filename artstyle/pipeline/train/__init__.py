"""Training a model on a dataset, from random weights or from a base.

A run's folder holds everything: recipe, figures, grids, snapshots, and two states in turn from
which the same command goes on after any interruption as if there had been none.
"""
