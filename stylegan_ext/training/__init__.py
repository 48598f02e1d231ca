"""Training a generator against a discriminator: the loop's parts, which know nothing of files.

`Training` runs iterations and holds all that changes; `state` writes that down and finds it again;
`reshape` brings a model to another resolution or to labels before training goes on from it.
"""
