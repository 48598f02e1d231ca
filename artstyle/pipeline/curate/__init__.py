"""`artstyle curate`: measure a style's crops, propose what to drop, group and hold out, write it.

    measure   every crop once, kept by its digest                     .measure
    embed     crops as vectors in which near means alike              .embed
    plan      drops, near-duplicates, clusters, sides; pure           .plan
    write     what differs from what stands, in one transaction       .write

Nothing is decided for good: everything is a proposal by "artstyle curate", one batch a run.
"""
