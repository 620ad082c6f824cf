"""Real scanners for a test: started by it as nobody special, with a configuration it wrote, and stopped by it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from office import free_ports, wait_until

from posthouse.filter.scanners.trial import EICAR

IS_ROOT = os.geteuid() == 0
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


def program(name: str) -> str:
    """Where it is; the test is skipped with a reason when it is not installed."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


@dataclass
class Program:
    """One scanner. ``place`` is what the configuration of Posthouse calls its address."""

    words: list[str]
    place: str
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    is_ours: bool = False
    """It runs in this Python, which ``nobody`` may not be allowed to."""

    def start(self) -> "Program":
        who = {"user": "nobody", "group": "nogroup", "extra_groups": []} if IS_ROOT and not self.is_ours else {}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **who,
            )
        wait_until(self._listens, f"{self.words[0]} to listen; see {self.log}")
        return self

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-2000:]
        try:
            if self.place.startswith("unix:"):
                with socket.socket(socket.AF_UNIX) as one:
                    one.connect(self.place.removeprefix("unix:"))
            else:
                host, _, port = self.place.rpartition(":")
                socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)
        if self.place.startswith("unix:"):
            Path(self.place.removeprefix("unix:")).unlink(missing_ok=True)

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.thaw()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)


def room(directory: Path) -> Path:
    """A directory that nobody may write to, which is one for ``nobody``."""
    directory.mkdir(parents=True, exist_ok=True)
    if IS_ROOT:
        shutil.chown(directory, "nobody")
    directory.chmod(0o755)
    return directory


def clamd(directory: Path) -> Program:
    """ClamAV's daemon with one signature of our own: the test file of eicar.org, wherever it stands."""
    room(directory)
    (directory / "db").mkdir()
    (directory / "db" / "test.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
    (directory / "clamd.conf").write_text(
        f"DatabaseDirectory {directory}/db\nLocalSocket {directory}/clamd.sock\nForeground yes\n"
        f"TemporaryDirectory {directory}\nStreamMaxLength 60M\nMaxThreads 4\nLogClean yes\nLogFile {directory}/scans\n"
    )
    words = [program("clamd"), "-c", f"{directory}/clamd.conf"]
    return Program(words, f"unix:{directory}/clamd.sock", directory / "log")


def rspamd(directory: Path) -> Program:
    """Rspamd with hardly a rule: it knows GTUBE, and nothing of the network."""
    room(directory)
    (port,) = free_ports(1)
    (directory / "tld").write_text("com\norg\ntest\n")
    (directory / "rspamd.conf").write_text(
        f'options {{ pidfile = "{directory}/pid"; tempdir = "{directory}"; url_tld = "{directory}/tld";'
        ' dns { nameserver = ["127.0.0.1:9:1"]; timeout = 0.1s; retransmits = 1; } }\n'
        'logging { type = "console"; level = "info"; }\n'
        "actions { reject = 15; add_header = 6; greylist = 4; }\n"
        f'worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; mime = true; }}\n'
    )
    words = [program("rspamd"), "-f", "-u", "nobody", "-g", "nogroup", "-i", "-c", f"{directory}/rspamd.conf"]
    return Program(words, f"127.0.0.1:{port}", directory / "log")


def opendkim(directory: Path, domain: str) -> Program:
    """OpenDKIM that signs for ``domain`` what comes from an account of ours."""
    room(directory)
    subprocess.run(
        ["openssl", "genrsa", "-traditional", "-out", f"{directory}/key.pem", "2048"], check=True, capture_output=True
    )
    if IS_ROOT:
        shutil.chown(directory / "key.pem", "nobody")
    (directory / "key.pem").chmod(0o600)
    (directory / "opendkim.conf").write_text(
        f"Domain {domain}\nSelector milter\nKeyFile {directory}/key.pem\nSocket local:{directory}/opendkim.sock\n"
        "Mode s\nCanonicalization simple/simple\nSyslog no\nUMask 000\nBackground no\nRequireSafeKeys false\n"
        "OversignHeaders From\nInternalHosts 127.0.0.1\n"
    )
    words = [program("opendkim"), "-f", "-x", f"{directory}/opendkim.conf"]
    return Program(words, f"unix:{directory}/opendkim.sock", directory / "log")


def c_icap(directory: Path, clamd_socket: str = "") -> Program:
    """The ICAP server c-icap with its echo service, and with a virus scanner that asks clamd."""
    room(directory)
    modules = Path("/usr/lib/x86_64-linux-gnu/c_icap")
    if not (modules / "srv_echo.so").exists():
        pytest.skip("c-icap has no echo service here")
    (port,) = free_ports(1)
    scanner = ""
    if clamd_socket:
        if not (modules / "virus_scan.so").exists() or not (modules / "clamd_mod.so").exists():
            pytest.skip("c-icap has no virus scanner here (libc-icap-mod-virus-scan)")
        scanner = (
            f"Module common clamd_mod.so\nclamd_mod.ClamdSocket {clamd_socket}\nService antivirus virus_scan.so\n"
            "ServiceAlias avscan virus_scan\nvirus_scan.DefaultEngine clamd\nvirus_scan.PassOnError off\n"
            "virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GRAPHICS STREAM DOCUMENT\n"
            "virus_scan.SendPercentData 5\nvirus_scan.StartSendPercentDataAfter 2M\nvirus_scan.MaxObjectSize 60M\n"
        )
    (directory / "c-icap.conf").write_text(
        f"PidFile {directory}/pid\nCommandsSocket {directory}/ctl\nTimeout 30\nPort 127.0.0.1:{port}\n"
        f"StartServers 1\nMaxServers 2\nThreadsPerChild 4\nTmpDir {directory}\nServerLog {directory}/server.log\n"
        f"AccessLog {directory}/access.log\nModulesDir {modules}\nServicesDir {modules}\n"
        f"LoadMagicFile /etc/c-icap/c-icap.magic\nTemplateDir /usr/share/c_icap/templates/\nService echo srv_echo.so\n"
        + scanner
    )
    words = [program("c-icap"), "-N", "-f", f"{directory}/c-icap.conf"]
    return Program(words, f"127.0.0.1:{port}", directory / "log")


def python_with_milter() -> str:
    """Ours or the system's: Debian has pymilter only for its own."""
    for python in filter(shutil.which, (sys.executable, "/usr/bin/python3")):
        found = subprocess.run([python, "-c", "import Milter"], check=False, capture_output=True)
        if found.returncode == 0:
            return python
    pytest.skip("no Python here has pymilter (Debian: python3-milter)")


def pymilter(directory: Path) -> Program:
    """A milter that does what the Subject of a message tells it to (``tests/interop/obedient_milter.py``)."""
    python = python_with_milter()
    room(directory)
    script = directory / "obedient.py"
    script.write_text((Path(__file__).with_name("obedient_milter.py")).read_text())
    (port,) = free_ports(1)
    words = [python, str(script), f"inet:{port}@127.0.0.1", str(directory / "heard")]
    return Program(words, f"127.0.0.1:{port}", directory / "log", is_ours=True)
