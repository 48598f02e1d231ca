"""Training an AdaIN decoder: pictures, iterations, checkpoints, a panel of pictures held out."""
