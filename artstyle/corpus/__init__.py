"""Datasets as StyleGAN's tools read them: zips and folders of pictures with labels."""
