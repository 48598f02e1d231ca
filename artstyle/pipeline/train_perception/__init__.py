"""Training the perceptual network of our own on folders of pictures, in minutes on a processor.

Two things are learned at once: the kinds of things that the subfolders name, which makes the deep
layers see content, and to tell pictures apart by the statistics of their maps alone, which is what
style transfer compares. docs/perception.md says why.
"""
