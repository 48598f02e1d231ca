"""Sprites: sheets cut into cells, backgrounds taken out, pixel art enlarged.

A sheet is read by `artstyle.images`; everything here works on its arrays: RGB and alpha, uint8,
[0, 255], straight colours. Boxes are (x0, y0, x1, y1) along the edges of pixels: pixel i covers
[i, i + 1), so that (0, 0, width, height) is the whole picture.
"""
