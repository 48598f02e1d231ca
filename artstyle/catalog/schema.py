"""The catalog's tables, and how a file of an older version becomes one of today's.

`PRAGMA application_id` says that a file is ours, `PRAGMA user_version` which of the steps below it
has been through. A step is never changed once released; a new one is added at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from artstyle.errors import CatalogError
from artstyle.names import shown

APPLICATION_ID = 0x61727473  # "arts"

# 1: from a film to a dataset zip.
_EXTRACTION = """
CREATE TABLE source (                -- a film, a picture, a sprite sheet: one row per content
    id         INTEGER PRIMARY KEY,
    sha256     TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    path       TEXT NOT NULL,        -- where it was seen last; all places are in source_path
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    kind       TEXT NOT NULL CHECK (kind IN ('film', 'image', 'sprite')),
    licence    TEXT NOT NULL DEFAULT 'unknown',
    added_at   TEXT NOT NULL
) STRICT;

CREATE TABLE source_path (
    source INTEGER NOT NULL REFERENCES source,
    path   TEXT NOT NULL,
    PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX source_path_by_path ON source_path (path);

CREATE TABLE scan (                  -- how far a source was searched with certain settings
    source          INTEGER NOT NULL REFERENCES source,
    style           TEXT NOT NULL,
    settings_sha256 TEXT NOT NULL,
    until_pts_s     REAL,            -- all frames up to this one are done; null: none yet
    finished        INTEGER NOT NULL CHECK (finished IN (0, 1)),
    at              TEXT NOT NULL,
    PRIMARY KEY (source, style, settings_sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE frame (
    id     INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES source,
    pts_s  REAL NOT NULL,            -- presentation time; 0 in a picture
    shot   INTEGER,                  -- counted from 0; null: not known
    UNIQUE (source, pts_s)
) STRICT;

CREATE TABLE face (
    id        INTEGER PRIMARY KEY,
    frame     INTEGER NOT NULL REFERENCES frame,
    detector  TEXT NOT NULL,
    bbox_px   TEXT NOT NULL,         -- JSON [x0, y0, x1, y1], pixel edges
    points_px TEXT NOT NULL,         -- JSON [[x, y], ...]
    score     REAL NOT NULL,
    quality   TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(quality)),
    UNIQUE (frame, detector, bbox_px)
) STRICT;

CREATE TABLE crop (
    id      INTEGER PRIMARY KEY,
    face    INTEGER NOT NULL REFERENCES face,
    style   TEXT NOT NULL,
    size_px INTEGER NOT NULL CHECK (size_px > 0),
    quad_px TEXT NOT NULL,           -- JSON [[x, y] * 4] in the frame
    file    TEXT NOT NULL UNIQUE,
    sha256  TEXT NOT NULL CHECK (length(sha256) = 64),
    UNIQUE (face, style, size_px, quad_px)
) STRICT;
CREATE INDEX crop_by_style ON crop (style);
CREATE INDEX crop_by_sha256 ON crop (sha256);

CREATE TABLE decision (              -- append-only: what holds now is worked out, never stored
    id     INTEGER PRIMARY KEY,
    crop   INTEGER NOT NULL REFERENCES crop,
    action TEXT NOT NULL CHECK (action IN ('keep', 'drop', 'tag', 'untag', 'split', 'undo')),
    value  TEXT,                     -- the tag, or the name of the split
    undoes INTEGER UNIQUE REFERENCES decision,
    reason TEXT NOT NULL,
    figure REAL,                     -- the measurement that led to it, if one did
    "by"   TEXT NOT NULL,            -- a person's name, or the command
    batch  TEXT,                     -- decisions that were made, and are undone, together
    at     TEXT NOT NULL,
    CHECK ((action IN ('tag', 'untag', 'split')) = (value IS NOT NULL)),
    CHECK ((action = 'undo') = (undoes IS NOT NULL))
) STRICT;
CREATE INDEX decision_by_crop ON decision (crop);
CREATE INDEX decision_by_batch ON decision (batch) WHERE batch IS NOT NULL;

CREATE TRIGGER decision_stays BEFORE UPDATE ON decision
BEGIN SELECT RAISE(ABORT, 'decisions are append-only: undo one instead of changing it'); END;
CREATE TRIGGER decision_remains BEFORE DELETE ON decision
BEGIN SELECT RAISE(ABORT, 'decisions are append-only: undo one instead of deleting it'); END;
CREATE TRIGGER decision_is_new BEFORE INSERT ON decision
WHEN EXISTS (SELECT 1 FROM decision WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'decisions are append-only: none can be replaced'); END;
CREATE TRIGGER decision_undo_fits BEFORE INSERT ON decision
WHEN NEW.undoes IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM decision WHERE id = NEW.undoes AND crop = NEW.crop AND action <> 'undo')
BEGIN SELECT RAISE(ABORT, 'an undo names an earlier decision about the same crop'); END;

CREATE VIEW standing_decision AS
SELECT * FROM decision AS made
WHERE action <> 'undo' AND NOT EXISTS (SELECT 1 FROM decision WHERE undoes = made.id);

CREATE TABLE build (                 -- a dataset zip; the same place may have held several
    id       INTEGER PRIMARY KEY,
    path     TEXT NOT NULL,
    sha256   TEXT NOT NULL CHECK (length(sha256) = 64),
    style    TEXT NOT NULL,
    size_px  INTEGER NOT NULL CHECK (size_px > 0),
    split    TEXT NOT NULL,
    settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
    at       TEXT NOT NULL,
    UNIQUE (path, sha256)
) STRICT;
CREATE INDEX build_by_sha256 ON build (sha256);

CREATE TABLE member (
    build INTEGER NOT NULL REFERENCES build,
    name  TEXT NOT NULL,             -- inside the zip
    crop  INTEGER NOT NULL REFERENCES crop,
    PRIMARY KEY (build, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_by_crop ON member (crop);
"""

# 2: from a dataset zip to a grid.
_MODELS = """
CREATE TABLE run (
    id     INTEGER PRIMARY KEY,
    path   TEXT NOT NULL UNIQUE,     -- the run's folder
    kind   TEXT NOT NULL,            -- "train", "finetune", ...
    style  TEXT,
    build  INTEGER REFERENCES build, -- null: trained on a zip that this catalog did not see made
    base   INTEGER REFERENCES model, -- null: from scratch
    recipe TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(recipe)),
    at     TEXT NOT NULL
) STRICT;

CREATE TABLE model (
    id      INTEGER PRIMARY KEY,
    sha256  TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    path    TEXT NOT NULL,
    name    TEXT NOT NULL,
    licence TEXT NOT NULL DEFAULT 'unknown',
    run     INTEGER REFERENCES run,  -- null: not trained here
    notes   TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(notes)),
    at      TEXT NOT NULL
) STRICT;
CREATE INDEX model_by_path ON model (path);

CREATE TABLE model_parent (
    model  INTEGER NOT NULL REFERENCES model,
    parent INTEGER NOT NULL REFERENCES model CHECK (parent <> model),
    role   TEXT NOT NULL,            -- "base", "style", "resumed from", ...
    PRIMARY KEY (model, parent, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE projection (            -- a photo's place in a model's latent space
    id       INTEGER PRIMARY KEY,
    source   INTEGER NOT NULL REFERENCES source,
    crop     INTEGER REFERENCES crop,
    model    INTEGER NOT NULL REFERENCES model,
    file     TEXT NOT NULL,
    sha256   TEXT NOT NULL CHECK (length(sha256) = 64),
    space    TEXT NOT NULL CHECK (space IN ('w', 'w+')),
    settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
    at       TEXT NOT NULL,
    UNIQUE (file, sha256)
) STRICT;
CREATE INDEX projection_by_sha256 ON projection (sha256);

CREATE TABLE artefact (              -- whatever else came out: grids, their cells, films, pages
    id       INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,          -- "cell", "grid", "image", "video", ...
    file     TEXT NOT NULL,
    sha256   TEXT NOT NULL CHECK (length(sha256) = 64),
    made_by  TEXT NOT NULL,          -- the command
    settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
    at       TEXT NOT NULL,
    UNIQUE (file, sha256)
) STRICT;
CREATE INDEX artefact_by_sha256 ON artefact (sha256);

CREATE TABLE artefact_input (
    artefact   INTEGER NOT NULL REFERENCES artefact,
    role       TEXT NOT NULL,        -- "photo", "style", "cell", ...
    source     INTEGER REFERENCES source,
    crop       INTEGER REFERENCES crop,
    model      INTEGER REFERENCES model,
    projection INTEGER REFERENCES projection,
    input      INTEGER REFERENCES artefact CHECK (input <> artefact),
    CHECK ((source IS NOT NULL) + (crop IS NOT NULL) + (model IS NOT NULL)
           + (projection IS NOT NULL) + (input IS NOT NULL) = 1)
) STRICT;
CREATE INDEX artefact_input_by_artefact ON artefact_input (artefact);
"""

# 3: what a scan was made with, in words that can be read.
_SETTINGS = """
CREATE TABLE setting (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64), -- scan.settings_sha256
    value  TEXT NOT NULL CHECK (json_valid(value)),      -- the JSON that the digest is of
    notes  TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(notes)) -- e.g. why a detector was chosen
) STRICT, WITHOUT ROWID;
"""

MIGRATIONS: tuple[str, ...] = (_EXTRACTION, _MODELS, _SETTINGS)
VERSION = len(MIGRATIONS)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make a new file ours, bring an older one up to date, and refuse any other.

    Args:
        connection: in autocommit mode (`isolation_level=None`).
        path: the file, for messages.

    Raises:
        CatalogError: the database is another program's, or of a newer artstyle.
        sqlite3.Error: it is no database, is damaged, or cannot be written.
    """
    if _check(connection, path) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")  # of two processes, the second finds the work done
    try:
        for step in range(_check(connection, path), VERSION):
            for statement in statements(MIGRATIONS[step]):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {step + 1}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterator[str]:
    """The statements of an SQL script one by one; `executescript` would commit in between."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the file's tables; 0 for an empty one."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == APPLICATION_ID and version > VERSION:
        raise CatalogError(
            f"the catalog {shown(path)} is of version {version}; this artstyle knows"
            f" versions up to {VERSION}",
            hint="upgrade it with 'pip install -U artstyle'",
        )
    if application != APPLICATION_ID and (application or tables):
        raise CatalogError(
            f"{shown(path)} is a database of another program, not a catalog of artstyle",
            hint="move it away, or name another workspace with --workspace",
        )
    return int(version) if application == APPLICATION_ID else 0
