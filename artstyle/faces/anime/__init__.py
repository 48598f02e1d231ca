"""Drawn faces: the networks of anime-face-detector (hysts, MIT) in plain torch.

`yolov3`, `faster_rcnn` and `hrnet` are the networks, written from their papers, with the parameter
names that the published files carry; `checkpoint` reads those; `pictures`, `boxes` and `heatmaps`
are what happens before and after; `detect` puts it together. torch is loaded by the networks only.
"""
