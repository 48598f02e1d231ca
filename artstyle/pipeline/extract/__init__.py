"""Films, folders of pictures and sprites to aligned crops in the catalog.

`run.extract` does what the command does: it finds the workspace, reads or makes the recipe, and
hands each kind of source to one function of the same form:

    extract_films(catalog, crops_folder, style, inputs, settings=..., licence=..., ...) -> Summary
    extract_images(...)
    extract_sprites(...)

They can be used on their own. What they share: `Settings` decide what comes out, `Recorder` turns
what was found into files and rows, `Digests` remember the sources' SHA-256, `Summary` counts.
"""
