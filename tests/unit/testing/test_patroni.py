"""What an operator is given for Patroni is what our tests run with."""

from pathlib import Path

import pytest
import yaml

from posthouse.testing.patroni import PatroniCluster
from posthouse.testing.postgres import Absent

GIVEN = Path(__file__).parents[3] / "contrib" / "cluster" / "patroni.yml"
SIZES = {"max_connections", "shared_buffers", "max_wal_size", "wal_keep_size"}
"""What depends on the machine."""


def dcs_of(text):
    settings = yaml.safe_load(text)["bootstrap"]["dcs"]
    parameters = settings["postgresql"]["parameters"]
    return {**settings, "postgresql": {**settings["postgresql"], "parameters": parameters.keys() | set()}}, {
        name: value for name, value in parameters.items() if name not in SIZES
    }


def test_the_file_for_operators_says_what_the_stories_were_told_on():
    try:
        cluster = PatroniCluster(21400)
    except Absent as absent:
        pytest.skip(str(absent))
    tested = cluster._configuration(1)
    cluster.root.rmdir()
    assert dcs_of(GIVEN.read_text()) == dcs_of(tested)
    given, ours = yaml.safe_load(GIVEN.read_text()), yaml.safe_load(tested)
    assert given["bootstrap"]["initdb"] == ours["bootstrap"]["initdb"]
    assert given["postgresql"]["basebackup"] == ours["postgresql"]["basebackup"]
