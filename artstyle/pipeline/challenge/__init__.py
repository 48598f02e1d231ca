"""One person in many styles: what `artstyle challenge` does, but for the drawing of the sheet.

    photo -> face -> aligned square -> latent of the base -> a cell per style, and per baseline

`planning` decides without loading a network; `preflight` looks at photos; `projecting`, `drawing`
and `baselines` make pictures; `likeness` measures; `record` and `catalogued` write down what was
done. `artstyle.report.challenge_grid` puts them together, and draws grid and page.
"""
