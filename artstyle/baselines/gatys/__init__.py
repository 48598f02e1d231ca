"""Style transfer by optimisation (Gatys, Ecker and Bethge 2015 and 2016), and what grew from it.

`settings` says what can be chosen, `objective` is the function that is minimised, `tiles` computes
it for pictures of any size, `draw` goes from coarse to fine.
"""
