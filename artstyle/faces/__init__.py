"""Faces: found by detectors, described by points, cut out aligned.

`align` is the way from a face's points to its crop; `detector` finds faces. Everywhere pixel i
covers [i, i + 1), its centre lies at i + 0.5, and points are (x, y) from the upper left corner.
"left" and "right" are the viewer's.
"""
