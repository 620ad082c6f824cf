"""What is compared: Postfix with verifiers from Debian, and Posthouse; the DNS that all of them ask."""

import imaplib
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from shutil import chown, rmtree, which

from sending import ADDRESSES, DOMAIN, HELO, SELECTOR
from servers import Postfix, Posthouse, Server
from tree import Tree, keep_niceness

ROOMY = """
hostname = "bench.localhost"
[authentication]
verify = %s
[limits]
connections = 10000
client_connections = 1000
near_connections = 1000
far_connections = 1000
client_connects = 10000000
near_connects = 10000000
far_connects = 10000000
client_messages = 10000000
client_octets = "1000GiB"
pair_messages_minute = 10000000
pair_messages_hour = 10000000
recipient_messages_minute = 10000000
"""
OPEN = "smtpd_relay_restrictions = reject_unauth_destination\nmilter_default_action = tempfail\nmilter_protocol = 6\n"
NAME_SERVER = "192.0.2.53"
"""Not 127.0.0.1: the resolver within OpenDKIM does not ask there. Nor does it ask about names in .test."""
POLICY = (
    "debugLevel = 0\nHELO_reject = Fail\nMail_From_reject = Fail\nHeader_Type = AR\nAuthserv_Id = bench.localhost\n"
)


def records(key: str) -> list[str]:
    """The zone: what the senders have published."""
    pieces = " ".join(f'"{key[at : at + 250]}"' for at in range(0, len(key), 250))
    return [
        f'{DOMAIN}. 3600 IN TXT "v=spf1 ip4:192.0.2.0/24 -all"',
        f"{DOMAIN}. 3600 IN MX 10 {HELO}.",
        f'{HELO}. 3600 IN TXT "v=spf1 ip4:192.0.2.0/24 -all"',
        f"{HELO}. 3600 IN A 192.0.2.1",
        f'_dmarc.{DOMAIN}. 3600 IN TXT "v=DMARC1; p=reject"',
        f"{SELECTOR}._domainkey.{DOMAIN}. 3600 IN TXT {pieces}",
        *[f"{address.rpartition('.')[2]}.2.0.192.in-addr.arpa. 3600 IN PTR {HELO}." for address in ADDRESSES],
    ]


class Program:
    """A daemon in a directory of its own, started as nobody special and counted."""

    def __init__(self, words: list[str], place: str, log: Path, *, user: str | None = "nobody") -> None:
        self.tree = Tree()
        self.log = log
        if user:
            words = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups", *words]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=self.tree.enter,  # noqa: PLW1509 (one thread is running here)
            )
        self.tree.root = self.process.pid
        end = time.monotonic() + 20
        while not _listens(place):
            if time.monotonic() > end or self.process.poll() is not None:
                self.tree.end()
                raise RuntimeError(f"{words[0]} did not start: {log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.05)

    def end(self) -> None:
        self.tree.end()


def _listens(place: str) -> bool:
    try:
        host, colon, port = place.partition(":")
        if colon:
            socket.create_connection((host, int(port)), 1).close()
        else:
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(place)
    except OSError:
        return False
    return True


class Unbound(Program):
    """The cache that all ask, and the zone behind it, on port 53 of this network namespace."""

    def __init__(self, directory: Path, key: str) -> None:
        zone = "".join(f"  local-data: '{one}'\n" for one in records(key))
        conf = directory / "unbound.conf"
        conf.write_text(
            f"server:\n  interface: {NAME_SERVER}\n  port: 53\n  do-daemonize: no\n  username: ''\n  chroot: ''\n"
            f"  directory: '{directory}'\n  pidfile: '{directory}/unbound.pid'\n  use-syslog: no\n"
            "  module-config: 'iterator'\n  num-threads: 1\n  access-control: 0.0.0.0/0 allow\n"
            f"  local-zone: '.' static\n{zone}remote-control:\n  control-enable: no\n"
        )
        super().__init__(["unbound", "-d", "-c", str(conf)], f"{NAME_SERVER}:53", directory / "unbound.log", user=None)


class Filtered(Postfix):
    """Postfix that lets others look at mail; the CPU time of all of them counts."""

    filters = ""

    def prepare(self) -> None:
        super().prepare()
        for one in self.dir.glob("*"):
            one.chmod(one.stat().st_mode | 0o011)
        self.programs: list[Program] = []
        self.rooms = self.dir / "filters"
        self.rooms.mkdir()
        chown(self.rooms, "nobody", "nogroup")
        try:
            settings = self.start_filters()
        except BaseException:
            self._end_filters()
            raise
        with (self.dir / "etc/main.cf").open("a") as main:
            main.write(OPEN + settings)

    def start_filters(self) -> str:
        """Settings of main.cf for filters that run from now on."""
        return ""

    def used(self) -> float:
        return self.tree.cpu_seconds() + sum(one.tree.cpu_seconds() for one in self.programs)

    def _end_filters(self) -> None:
        for one in self.programs:
            one.end()

    def end(self, *, keep: bool = False) -> None:
        self.tree.end()
        self._end_filters()
        if not keep:
            rmtree(self.dir, ignore_errors=True)

    def sample(self) -> str:
        """The latest message."""
        latest = max((self.dir / "mail/box/new").iterdir(), key=lambda one: one.stat().st_mtime_ns)
        return latest.read_text(errors="replace")


class Plain(Filtered):
    filters = "Postfix alone"


class OpenChain(Filtered):
    """OpenDKIM and OpenDMARC as milters, SPF by policyd-spf: the chain that Debian's own pages describe."""

    filters = "Postfix, policyd-spf, OpenDKIM, OpenDMARC"

    def start_filters(self) -> str:
        room = self.rooms
        (room / "nobody").write_text("203.0.113.1\n")
        (room / "opendkim.conf").write_text(
            f"Mode v\nSocket local:{room}/opendkim.sock\nSyslog no\nUMask 000\nBackground no\n"
            f"Nameservers {NAME_SERVER}\nAuthservID bench.localhost\nInternalHosts {room}/nobody\n"
            "AlwaysAddARHeader yes\n"
        )
        (room / "opendmarc.conf").write_text(
            f"AuthservID bench.localhost\nTrustedAuthservIDs bench.localhost\nSocket local:{room}/opendmarc.sock\n"
            f"Syslog false\nUMask 000\nBackground false\nRejectFailures true\nIgnoreHosts {room}/nobody\n"
            "SPFSelfValidate false\n"
        )
        (room / "policyd-spf.conf").write_text(POLICY)
        for name, words in (("opendkim", ["-f", "-x"]), ("opendmarc", ["-f", "-c"])):
            log = room / f"{name}.log"
            program = Program([name, *words, f"{room}/{name}.conf"], f"{room}/{name}.sock", log)
            self.programs.append(program)
        with (self.dir / "etc/master.cf").open("a") as master:
            master.write(
                f"\npolicyd-spf unix - n n - 0 spawn user=nobody argv=/usr/bin/policyd-spf {room}/policyd-spf.conf\n"
            )
        return (
            f"smtpd_milters = unix:{room}/opendkim.sock, unix:{room}/opendmarc.sock\n"
            "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service unix:private/policyd-spf\n"
            "policyd-spf_time_limit = 3600\n"
        )


class RspamdChain(Filtered):
    """Rspamd as a milter that scans itself, with the modules for spf, dkim and dmarc and nothing else."""

    filters = "Postfix, Rspamd (spf, dkim, dmarc)"

    def start_filters(self) -> str:
        room, share = self.rooms, "/usr/share/rspamd"
        (room / "tld").write_text("com\nexample\ntest\n")
        (room / "rspamd.conf").write_text(
            f'options {{ pidfile = "{room}/pid"; tempdir = "{room}"; url_tld = "{room}/tld"; filters = "dkim,spf";\n'
            "  local_addrs = []; dns {"
            f' nameserver = ["{NAME_SERVER}:53:1"]; timeout = 1s; retransmits = 5; }} }}\n'
            'logging { type = "console"; level = "error"; }\n'
            "actions { reject = 150; add_header = 60; greylist = 40; }\n"
            "dkim { } spf { } dmarc { actions = { reject = reject; quarantine = add_header; } }\n"
            'milter_headers { use = ["authentication-results"]; }\n'
            f'modules {{ path = "{share}/plugins/dmarc.lua"; path = "{share}/plugins/spf.lua";'
            f' path = "{share}/plugins/milter_headers.lua"; }}\n'
            f'lua = "{share}/rules/rspamd.lua"\n'
            f'worker "rspamd_proxy" {{ bind_socket = "{room}/rspamd.sock mode=0666"; milter = yes; count = 2;\n'
            '  timeout = 120s; upstream "local" { default = yes; self_scan = yes; } }\n'
        )
        words = ["rspamd", "-f", "-u", "nobody", "-g", "nogroup", "-i", "-c", f"{room}/rspamd.conf"]
        self.programs.append(Program(words, f"{room}/rspamd.sock", room / "rspamd.log", user=None))
        return f"smtpd_milters = unix:{room}/rspamd.sock\n"


class Verifying(Posthouse):
    """Posthouse as it is installed, with room for clients that send faster than anybody may."""

    filters = "Posthouse"
    verifies = True

    def prepare(self) -> None:
        self.config = self.dir / "posthouse.toml"
        self.config.write_text(ROOMY % ("true" if self.verifies else "false"))

    def command(self) -> list[str]:
        return [*super().command(), "--dns", f"{NAME_SERVER}:53"]

    def used(self) -> float:
        return self.tree.cpu_seconds()

    def sample(self) -> str:
        found = json.loads((self.dir / "data/endpoints.json").read_text())
        alice = found["accounts"][0]
        context = ssl.create_default_context(cafile=found["ca_file"])
        client = imaplib.IMAP4_SSL("127.0.0.1", found["services"]["imaps"]["port"], ssl_context=context)
        try:
            client.login(alice["address"], alice["password"])
            client.select("INBOX", readonly=True)
            _, parts = client.fetch("1", "(BODY.PEEK[HEADER])")
            return parts[0][1].decode(errors="replace")
        finally:
            client.logout()


class Trusting(Verifying):
    """The same without a look at senders."""

    filters = "Posthouse, senders not looked at"
    verifies = False


CHAINS: dict[str, type[Server]] = {
    "opendkim": OpenChain,
    "rspamd": RspamdChain,
    "posthouse": Verifying,
    "plain": Plain,
    "trusting": Trusting,
}


def enter_world(script: str) -> None:
    """Go on in a network and mount namespace of our own, where 192.0.2.0/24 is this machine and DNS is ours."""
    os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, script, "--inside", *sys.argv[1:]])


def furnish_world(directory: Path) -> None:
    """Addresses for the clients, and a resolv.conf."""
    keep_niceness()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (*ADDRESSES, NAME_SERVER):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    (directory / "resolv.conf").write_text(f"nameserver {NAME_SERVER}\n")
    subprocess.run(["mount", "--bind", str(directory / "resolv.conf"), "/etc/resolv.conf"], check=True)


def missing(names: list[str]) -> list[str]:
    """Programs of Debian's that are not here."""
    needed = {"unshare", "setpriv", "ip", "mount", "unbound", "postfix"}
    if "opendkim" in names:
        needed |= {"opendkim", "opendmarc", "policyd-spf"}
    if "rspamd" in names:
        needed.add("rspamd")
    return sorted(one for one in needed if not which(one))
