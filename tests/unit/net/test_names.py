"""Names of local sockets."""

from posthouse.net.names import short_name


def test_a_short_path_is_its_own_name(tmp_path) -> None:
    with short_name(tmp_path / "x") as name:
        assert name == str(tmp_path / "x")


def test_a_long_path_is_reached_through_its_directory(tmp_path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    (deep / "x").write_text("here")
    with short_name(deep / "x") as name:
        assert len(name) < 100
        with open(name) as file:
            assert file.read() == "here"
