-- A catalog of version 1 as its artstyle wrote it; never changed.
BEGIN TRANSACTION;
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
INSERT INTO "build" VALUES(1,'datasets/sintel/sintel-64.zip','4a70fe9aa6436e02c2dea340fbd1e352e4ef2d8ce6ca52ad25d4b95471fc8bf2','sintel',64,'all','{}','2025-03-01T10:00:00+00:00');
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
INSERT INTO "crop" VALUES(1,1,'sintel',256,'[[0.0,0.0],[0.0,9.0],[9.0,9.0],[9.0,0.0]]','datasets/sintel/crops/1.png','30295f4ec10d1a7668421dc2cd1ed2003b96a440c5c35acbf66629cb992837a4');
INSERT INTO "crop" VALUES(2,2,'sintel',256,'[[0.0,0.0],[0.0,9.0],[9.0,9.0],[9.0,0.0]]','datasets/sintel/crops/2.png','5b4a42225d41763f85e15349800e39ee81c269e75aaa857f74727eaa4d4ca57f');
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
INSERT INTO "decision" VALUES(1,1,'drop',NULL,NULL,'blurred',0.2,'curate','b1','2025-03-01T10:00:00+00:00');
INSERT INTO "decision" VALUES(2,1,'undo',NULL,1,'',NULL,'anna',NULL,'2025-03-01T10:00:00+00:00');
INSERT INTO "decision" VALUES(3,2,'tag','dragon',NULL,'seen',NULL,'anna',NULL,'2025-03-01T10:00:00+00:00');
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
INSERT INTO "face" VALUES(1,1,'yunet','[1.0,2.0,101.0,122.0]','[[30.0,40.0],[60.0,40.0]]',0.9,'{"blur": 1.5}');
INSERT INTO "face" VALUES(2,2,'yunet','[1.0,2.0,101.0,122.0]','[[30.0,40.0],[60.0,40.0]]',0.9,'{"blur": 1.5}');
CREATE TABLE frame (
    id     INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES source,
    pts_s  REAL NOT NULL,            -- presentation time; 0 in a picture
    shot   INTEGER,                  -- counted from 0; null: not known
    UNIQUE (source, pts_s)
) STRICT;
INSERT INTO "frame" VALUES(1,1,6.25,0);
INSERT INTO "frame" VALUES(2,1,12.5,0);
CREATE TABLE member (
    build INTEGER NOT NULL REFERENCES build,
    name  TEXT NOT NULL,             -- inside the zip
    crop  INTEGER NOT NULL REFERENCES crop,
    PRIMARY KEY (build, name)
) STRICT, WITHOUT ROWID;
INSERT INTO "member" VALUES(1,'00000/img00000000.png',1);
CREATE TABLE scan (                  -- how far a source was searched with certain settings
    source          INTEGER NOT NULL REFERENCES source,
    style           TEXT NOT NULL,
    settings_sha256 TEXT NOT NULL,
    until_pts_s     REAL,            -- all frames up to this one are done; null: none yet
    finished        INTEGER NOT NULL CHECK (finished IN (0, 1)),
    at              TEXT NOT NULL,
    PRIMARY KEY (source, style, settings_sha256)
) STRICT, WITHOUT ROWID;
INSERT INTO "scan" VALUES(1,'sintel','cde0fb0dec1400c54a0f7e7eafa73624c53e4da258bbd34b3380a0defeba95c1',12.5,0,'2025-03-01T10:00:00+00:00');
CREATE TABLE source (                -- a film, a picture, a sprite sheet: one row per content
    id         INTEGER PRIMARY KEY,
    sha256     TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    path       TEXT NOT NULL,        -- where it was seen last; all places are in source_path
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    kind       TEXT NOT NULL CHECK (kind IN ('film', 'image', 'sprite')),
    licence    TEXT NOT NULL DEFAULT 'unknown',
    added_at   TEXT NOT NULL
) STRICT;
INSERT INTO "source" VALUES(1,'d0607f7ad2628b2af9158dfba06ce87166e66b15bf68f8f358f9aa27ccb7c321','films/sintel.mkv',1000,'film','CC BY 3.0','2025-03-01T10:00:00+00:00');
CREATE TABLE source_path (
    source INTEGER NOT NULL REFERENCES source,
    path   TEXT NOT NULL,
    PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;
INSERT INTO "source_path" VALUES(1,'films/sintel.mkv');
CREATE INDEX source_path_by_path ON source_path (path);
CREATE INDEX crop_by_style ON crop (style);
CREATE INDEX crop_by_sha256 ON crop (sha256);
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
CREATE INDEX build_by_sha256 ON build (sha256);
CREATE INDEX member_by_crop ON member (crop);
COMMIT;
PRAGMA application_id = 1634890867;
PRAGMA user_version = 1;
