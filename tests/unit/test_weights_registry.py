"""The list of known weights: that the shipped one is sound, and that faults in one are found."""

from __future__ import annotations

import math
import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from artstyle.errors import WeightsError
from artstyle.files import sha256_of
from artstyle.weights.entries import KINDS, all_names, entry, find_entry, parse, registry

GOOD = """
[licences.free]
id = "MIT"
commercial = "yes"
line = "ours"

[weights.small]
title = "A small network"
kind = "vgg"
file_name = "small-0123abcd.pth"
addresses = ["https://example.org/small.pth"]
address_checked = false
licence = "free"
purpose = "tests"
conversion = "none"
sha256_prefix = "0123abcd"
preprocessing = { alignment = "none", input_size = "any", normalisation = "RGB" }
"""
# Where weights are published; another host in the list is a slip or deserves a look.
HOSTS = {
    "nvlabs-fi-cdn.nvidia.com",
    "api.ngc.nvidia.com",
    "download.pytorch.org",
    "github.com",
    "media.githubusercontent.com",
    "raw.githubusercontent.com",
}


def test_the_list_reads_into_entries() -> None:
    small = parse(GOOD)["small"]
    assert small.name == "small"
    assert small.licence.in_words() == "MIT; ours"
    assert small.preprocessing.normalisation == "RGB"
    assert (small.size_bytes, small.sha256, small.sha256_prefix) == (None, "", "0123abcd")


def test_the_shipped_list_covers_every_kind() -> None:
    assert {item.kind for item in registry().values()} == set(KINDS)
    assert len(registry()) >= 30


@pytest.mark.parametrize("name", sorted(registry()))
def test_a_shipped_entry_is_sound(name: str) -> None:
    item = registry()[name]
    assert {urlsplit(address).hostname for address in item.addresses} <= HOSTS
    assert all(address.rpartition("/")[2] == item.file_name for address in item.addresses)
    assert item.is_generator == (item.conversion == "import")
    assert not item.is_generator or item.resolution is not None
    if item.is_generator:
        assert item.licence.commercial == "no", "every published generator here is non-commercial"
        assert item.licence.in_words().startswith("NON-COMMERCIAL: ")


def test_digits_in_file_names_are_those_that_are_checked() -> None:
    marked = {item.file_name: item.sha256_prefix for item in registry().values()}
    assert marked["vgg19-dcbb9e9d.pth"] == "dcbb9e9d"
    assert marked["vgg16-397923af.pth"] == "397923af"
    assert marked["pt_inception-2015-12-05-6726825d.pth"] == "6726825d"


def test_no_size_or_digest_is_claimed_but_for_files_we_hold() -> None:
    exact = {name for name, item in registry().items() if item.sha256 or item.size_bytes}
    assert exact == {"yunet", "lbp-anime"}


@pytest.mark.parametrize("name", [n for n, i in registry().items() if i.is_generator])
def test_sizes_worked_out_are_those_of_the_networks(name: str) -> None:
    from stylegan_ext.shapes import expected_shapes

    item = registry()[name]
    if name in ("cifar10-32", "stylegan3-t-ffhqu-256", "stylegan3-r-ffhqu-256"):
        assert item.about_bytes is None  # their widths are not known for certain
        return

    def size_bytes(kind: str, **kwargs: object) -> int:
        shared = {"c_dim": 0, "img_resolution": item.resolution, "img_channels": 3}
        shapes = expected_shapes(kind, {**shared, **kwargs})  # type: ignore[arg-type]
        return 4 * sum(math.prod(shape) for shape in shapes.values())

    latent = {"z_dim": 512, "w_dim": 512}
    base = 16384 if item.resolution == 256 else 32768
    if item.kind == "stylegan2":
        width = {"channel_base": base, "channel_max": 512}
        generator = size_bytes("stylegan2-generator", **latent, synthesis_kwargs=width)
    elif name.startswith("stylegan3-t"):
        generator = size_bytes("stylegan3-generator", **latent)
    else:
        radial = {"conv_kernel": 1, "use_radial_filters": True}
        width = {"channel_base": 65536, "channel_max": 1024}
        generator = size_bytes("stylegan3-generator", **latent, **radial, **width)
    total = 2 * generator + size_bytes("stylegan2-discriminator", channel_base=base)
    assert item.about_bytes == pytest.approx(total, rel=0.001)


def test_no_address_is_claimed_to_be_checked() -> None:
    assert [name for name, item in registry().items() if item.address_checked] == []


@pytest.mark.shared
@pytest.mark.parametrize("name", ["yunet", "lbp-anime"])
def test_digests_of_files_we_hold_are_right(shared_dir: Path, name: str) -> None:
    item = entry(name)
    file = shared_dir / "data" / "models" / item.file_name
    assert (file.stat().st_size, sha256_of(file)) == (item.size_bytes, item.sha256)


def test_aliases_lead_to_the_entry() -> None:
    assert entry("ffhq256") is entry("ffhq-256")
    assert "ffhq256" in all_names()
    assert find_entry("ffhq257") is None


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(WeightsError, match=r"'fhq-256'; did you mean 'ffhq-256'") as caught:
        entry("fhq-256")
    assert "artstyle models list" in str(caught.value.hint)


def test_a_name_like_no_other_gets_no_guess() -> None:
    with pytest.raises(WeightsError) as caught:
        entry("zzzzzz")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('kind = "vgg"', 'kind = "vg"', "weights.small.kind: 'vg' is none of"),
        ("https://", "http://", "weights.small.addresses[0]: 'http://example.org/small.pth' is"),
        ('["https://example.org/small.pth"]', "[]", "weights.small.addresses: there is none"),
        ('licence = "free"', 'licence = "fre"', "weights.small.licence: 'fre' is none of free"),
        ('licence = "free"\n', "", "weights.small.licence: None is none of free"),
        ("purpose", "purpos", "weights.small.purpos is no setting; did you mean 'purpose'?"),
        ('= "0123abcd"', '= "0123abc"', "is not 8 to 63 hexadecimal digits"),
        ('= "0123abcd"', '= "0123ABCD"', "is not 8 to 63 hexadecimal digits"),
        ("sha256_prefix", "sha256", "weights.small.sha256: '0123abcd' is not 64"),
        ("small-0123abcd.pth", "../small.pth", "weights.small.file_name: '../small.pth' is no"),
        ("[weights.small]", "[weights.Small]", "weights.Small.name: 'Small' may hold"),
        ('commercial = "yes"', 'commercial = "maybe"', "weights.small.licence.commercial"),
        ("address_checked = false", "address_checked = 0", "0 is not true or false"),
        ("title", "size_bytes = 0\ntitle", "weights.small.size_bytes: 0 is less than 1"),
        ('= "0123abcd"', f'= "0123abcd"\nsha256 = "{"f" * 64}"', "is not how sha256 begins"),
        ("[weights.small]", "[weights.small", "is no TOML"),
    ],
)
def test_a_fault_in_the_list_is_found(old: str, new: str, fault: str) -> None:
    assert old in GOOD
    with pytest.raises(WeightsError) as caught:
        parse(GOOD.replace(old, new))
    assert fault in str(caught.value)


def test_all_faults_are_reported_together() -> None:
    bad = GOOD.replace('kind = "vgg"', 'kind = "vg"').replace('"none"\nsha', '"nothing"\nsha')
    with pytest.raises(WeightsError) as caught:
        parse(bad)
    assert str(caught.value).count("\n  - ") == 2


@pytest.mark.parametrize("line", ['file_name = "small-0123abcd.pth"', 'aliases = ["small"]'])
def test_two_entries_never_share_a_name_or_a_file(line: str) -> None:
    table = tomllib.loads(GOOD)["weights"]["small"]
    second = (
        GOOD[GOOD.index("[weights") :].replace("small", "other").replace("0123abcd", "89abcdef")
    )
    second = (
        second.replace('file_name = "other-89abcdef.pth"', line)
        if "file" in line
        else (second + line + "\n")
    )
    with pytest.raises(WeightsError, match="stands for small already"):
        parse(GOOD + second)
    assert table["file_name"] == "small-0123abcd.pth"


def test_the_list_is_part_of_the_package() -> None:
    assert resources.files("artstyle.weights").joinpath("registry.toml").is_file()
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    data = tomllib.loads(project.read_text())["tool"]["setuptools"]["package-data"]["artstyle"]
    assert "weights/registry.toml" in data


def test_reading_the_list_loads_nothing_heavy_and_no_network() -> None:
    code = (
        "import sys; from artstyle import weights; len(weights.registry()); "
        "heavy = {'torch', 'numpy', 'cv2', 'rich', 'ssl', 'urllib.request', 'http.client'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
