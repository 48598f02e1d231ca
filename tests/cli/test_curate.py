"""`artstyle curate` on the command line."""

from __future__ import annotations

from pathlib import Path

from support.curating import PEOPLE, STYLE, fill

from artstyle.cli.curate import LIMITS
from artstyle.images import read_rgb
from artstyle.recipes import CurateRecipe


def test_what_is_proposed_is_told_and_drawn(cli, workspace: Path) -> None:
    ids = fill(workspace)
    done = cli("curate", "--style", STYLE, "--json", cwd=workspace)
    assert (done.exit_code, done.stderr) == (0, "")
    found = done.json()
    assert found["crops"] == sum(map(len, ids.values()))
    assert found["kept"] == PEOPLE + 5
    assert found["drops_by_rule"] == {"profile": 1, "dark": 1, "blurred": 1, "duplicate": 11}
    drops = {one["crop"]: one for one in found["drops"]}
    assert drops[ids["copy"][0]]["instead_of"] == ids["good"][3]
    assert [ids["good"][3], ids["copy"][0]] in found["duplicate_groups"]
    assert sum(found["splits"].values()) == found["kept"]
    assert found["batch"] == "curate drawn 1"
    (sheet,) = found["sheets"]
    assert sheet == str(workspace / f"datasets/{STYLE}/cache/curate.png")
    assert min(read_rgb(sheet).rgb.shape[:2]) > 400

    said = cli("curate", "--style", STYLE, cwd=workspace)
    assert "all of it stood already" in said.stdout
    lines = {line.split()[0]: line.split()[1] for line in said.stdout.splitlines() if line}
    assert (lines["duplicate"], lines["kept"]) == ("11", str(PEOPLE + 5))
    assert f"to look at: {sheet}" in said.stdout


def test_the_recipe_rules_and_options_go_before_it(cli, workspace: Path) -> None:
    fill(workspace)
    (workspace / f"datasets/{STYLE}/recipe.toml").write_text(
        f'style = "{STYLE}"\ntitle = "Drawn"\n'
        '[curate]\nmax_yaw_deg = 80.0\nwithout = ["duplicate"]\n'
    )
    by_recipe = cli("curate", "--style", STYLE, "--dry-run", "--no-sheet", "--json", cwd=workspace)
    assert by_recipe.json()["drops_by_rule"] == {"dark": 1, "blurred": 1}
    assert (by_recipe.json()["decisions"], by_recipe.json()["sheets"]) == (0, [])
    words = ("--max-yaw", "60", "--without", "dark", "--without", "blurred", "--dry-run", "--json")
    said = cli("curate", "--style", STYLE, *words, cwd=workspace).json()["drops_by_rule"]
    assert said == {"profile": 1, "pale": 1, "duplicate": 11}


def test_clusters_are_sized_drawn_and_named(cli, workspace: Path) -> None:
    fill(workspace)
    words = ("curate", "--style", STYLE)
    done = cli(*words, "--clusters", "2", "--embedding", "look", cwd=workspace)
    assert "faces are compared by look: asked for" in done.stderr
    assert "clusters: 2 by look, silhouette " in done.stdout
    assert "cluster:1" in done.stdout
    assert (workspace / f"datasets/{STYLE}/cache/curate-clusters.png").is_file()
    named = cli(*words, "--name-cluster", "1=round", "--name-cluster", "2=long", cwd=workspace)
    assert named.stdout.splitlines()[0].startswith("round: ")
    unknown = cli(*words, "--name-cluster", "9=x", cwd=workspace)
    assert (unknown.exit_code, "no cluster '9'" in unknown.stderr) == (2, True)
    for wrong in ("9", "=x", "1=", "1=cluster:2"):
        assert cli(*words, "--name-cluster", wrong, cwd=workspace).exit_code == 2
    cli(*words, cwd=workspace)
    assert not (workspace / f"datasets/{STYLE}/cache/curate-clusters.png").exists()


def test_undo_says_what_it_took_back(cli, workspace: Path) -> None:
    fill(workspace)
    cli("curate", "--style", STYLE, "--no-sheet", cwd=workspace)
    undone = cli("curate", "--style", STYLE, "--undo", cwd=workspace)
    assert undone.stdout.startswith("took back 'curate drawn 1': ")
    nothing = cli("curate", "--style", STYLE, "--undo", "--json", cwd=workspace)
    assert nothing.json() == {"undone": None, "decisions": 0}
    both = cli("curate", "--style", STYLE, "--undo", "--dry-run", cwd=workspace)
    assert (both.exit_code, "--undo stands alone" in both.stderr) == (2, True)


def test_wrong_values_are_told_with_the_setting(cli, workspace: Path) -> None:
    fill(workspace)
    for words, told in (
        (("--clusters", "many"), "curate.clusters"),
        (("--max-yaw", "-3"), "curate.max_yaw_deg"),
        (("--held-out-share", "1"), "build.held_out_share"),
    ):
        done = cli("curate", "--style", STYLE, *words, cwd=workspace)
        assert (done.exit_code, told in done.stderr) == (1, True), done.stderr
    missing = cli("curate", "--style", "nobody", cwd=workspace)
    assert "artstyle extract --style nobody" in missing.stderr


def test_every_limit_of_the_recipe_has_its_option() -> None:
    numbers = {
        name
        for name, one in CurateRecipe.__dataclass_fields__.items()
        if one.type in ("float", "int")
    }
    assert {setting for setting, _ in LIMITS.values()} == numbers
