"""Training a fast net: photos and paintings in, a net that redraws any photo out."""
