"""Fast transfer: a network that redraws any photo in a learned style in one pass.

Johnson, Alahi and Fei-Fei 2016, with instance norm (Ulyanov, Vedaldi and Lempitsky 2016) and
several styles in one network (Dumoulin, Shlens and Kudlur 2017).
"""
