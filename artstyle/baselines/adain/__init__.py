"""Adaptive instance normalisation (Huang & Belongie 2017): any painting's style in one pass.

transfer = Transfer(perception, decoder)
style = transfer.style(painting)                     # means and deviations, once per painting
drawn = transfer.draw(photo, Wish((style,)))         # encode, move statistics, decode
"""
