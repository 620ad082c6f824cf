"""A real Dovecot on loopback, which keeps mail in Maildirs that we never touch and takes it by LMTP."""

import os
import pwd
import shutil
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "/usr/sbin/dovecot"
LMTP = "/usr/lib/dovecot/lmtp"


def why_not() -> str | None:
    """Why no Dovecot can be started here, None if one can."""
    if not (shutil.which(PROGRAM) and Path(LMTP).exists()):
        return "dovecot-lmtpd is not installed"
    return None if os.geteuid() == 0 else "Dovecot wants to be started by root"


@dataclass
class Dovecot:
    """Mail for ``users`` goes to Maildirs under ``mail``, lines ended as they came; ``full`` have no room left."""

    dir: Path
    port: int
    users: tuple[str, ...]
    full: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        owner = pwd.getpwnam("nobody")
        for name in ("run", "state", "mail"):
            (self.dir / name).mkdir(parents=True)
        os.chown(self.dir / "mail", owner.pw_uid, owner.pw_gid)
        rooms = dict.fromkeys(self.users, "") | dict.fromkeys(self.full, "userdb_quota_rule=*:bytes=10")
        lines = [f"{user}::{owner.pw_uid}:{owner.pw_gid}::::{extra}\n" for user, extra in rooms.items()]
        (self.dir / "users").write_text("".join(lines))
        (self.dir / "dovecot.conf").write_text(
            textwrap.dedent(f"""\
            protocols = lmtp
            listen = 127.0.0.1
            base_dir = {self.dir}/run
            state_dir = {self.dir}/state
            log_path = {self.dir}/log
            ssl = no
            hostname = keep.test
            first_valid_uid = 1
            mail_location = maildir:{self.dir}/mail/%n
            mail_save_crlf = yes
            mail_plugins = quota
            passdb {{
              driver = passwd-file
              args = username_format=%n {self.dir}/users
            }}
            userdb {{
              driver = passwd-file
              args = username_format=%n {self.dir}/users
            }}
            plugin {{
              quota = maildir:User quota
            }}
            service lmtp {{
              unix_listener lmtp {{
                mode = 0
              }}
              inet_listener lmtp {{
                address = 127.0.0.1
                port = {self.port}
              }}
            }}
            """)
        )
        with (self.dir / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [PROGRAM, "-F", "-c", str(self.dir / "dovecot.conf")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def mailbox(self, user: str) -> list[bytes]:
        """Every message in the user's Maildir."""
        box = self.dir / "mail" / user / "new"
        return [path.read_bytes() for path in sorted(box.iterdir())] if box.exists() else []

    def log(self) -> str:
        return "".join(
            path.read_text(errors="replace") for path in (self.dir / "output", self.dir / "log") if path.exists()
        )
