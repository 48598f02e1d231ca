"""The classic methods of style transfer, with which StyleGAN's pictures are compared."""
