"""How good pictures are: distances between sets of pictures, measured on their features.

Arrays in, numbers out: `frechet` (FID's distance), `kernel` (KID's), `manifold` (precision, recall,
density, coverage, nearest neighbours), `inception_score`, `infinity` (FID without the bias of few
pictures). What turns pictures into features is a `space.FeatureSpace`; only Inception's makes a
Fréchet distance an FID.
"""
