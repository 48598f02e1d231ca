"""How good a model is: measured against its dataset, snapshot by snapshot.

    run = read_run(Path("runs/00012-ghibli"))
    space = choose_space("auto")
    done = evaluate(snapshot_targets(run, workspace), open_pictures(run.dataset), space, Settings())

Features of pictures are kept below ARTSTYLE_HOME by what they depend on; figures are written down
as they are taken. A command that was killed goes on, and a finished one ends at once.
"""

from __future__ import annotations

from artstyle.pipeline.evaluate.neighbours import Neighbours as Neighbours
from artstyle.pipeline.evaluate.neighbours import nearest_training as nearest_training
from artstyle.pipeline.evaluate.pictures import open_pictures as open_pictures
from artstyle.pipeline.evaluate.quick import Judge as Judge
from artstyle.pipeline.evaluate.quick import metric_of as metric_of
from artstyle.pipeline.evaluate.record import Row as Row
from artstyle.pipeline.evaluate.spaces import choose_space as choose_space
from artstyle.pipeline.evaluate.targets import Target as Target
from artstyle.pipeline.evaluate.targets import model_target as model_target
from artstyle.pipeline.evaluate.targets import newest_run as newest_run
from artstyle.pipeline.evaluate.targets import read_run as read_run
from artstyle.pipeline.evaluate.targets import snapshot_targets as snapshot_targets
from artstyle.pipeline.evaluate.work import Evaluation as Evaluation
from artstyle.pipeline.evaluate.work import Settings as Settings
from artstyle.pipeline.evaluate.work import evaluate as evaluate
