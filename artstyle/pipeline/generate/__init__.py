"""Drawing with a generator: pictures of seeds, mixed styles, films through latent space.

    models = find_models(["ghibli", "people"], workspace)
    work = generate(models, [0, 1, 2], out=Path("out"))

Every picture says in its own file how it was made, and `generate.json` in the folder says which
file is what. What is there and was made in just this way is not made again; a command that was
killed goes on where it stopped.
"""

from __future__ import annotations

from artstyle.pipeline.generate.catalogued import tell_catalog as tell_catalog
from artstyle.pipeline.generate.film import Film as Film
from artstyle.pipeline.generate.film import interpolate as interpolate
from artstyle.pipeline.generate.mixing import mix_styles as mix_styles
from artstyle.pipeline.generate.models import Model as Model
from artstyle.pipeline.generate.models import Variant as Variant
from artstyle.pipeline.generate.models import find_models as find_models
from artstyle.pipeline.generate.models import variants as variants
from artstyle.pipeline.generate.pictures import generate as generate
from artstyle.pipeline.generate.record import RECORD_NAME as RECORD_NAME
from artstyle.pipeline.generate.settings import Settings as Settings
from artstyle.pipeline.generate.work import Cell as Cell
from artstyle.pipeline.generate.work import Work as Work
