"""The classic methods of style transfer, from files to files."""
