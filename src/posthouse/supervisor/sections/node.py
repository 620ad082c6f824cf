"""What the process is: where it keeps everything, who it runs as, what it gives up, when it stops."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from posthouse.supervisor.kinds import Bucket, Duration, Engine, Section, Size


class StoreSection(Section):
    directory: Path = Field(default=Path("/var/lib/posthouse"), description="Where everything is kept")
    engine: Engine = Field(
        default="", description="Empty: the embedded engine; else postgresql://USER@HOST1,HOST2,HOST3/DATABASE"
    )
    bodies: Bucket = Field(
        default="", description="Where large content goes: s3://BUCKET/PREFIX, for this store alone; empty: the engine"
    )
    bodies_over: Size = Field(default=16 * 1024, description="Content larger than this goes there")
    s3_endpoint: str = Field(default="", description="The URL of the S3 service; empty: Amazon's")
    s3_region: str = Field(default="us-east-1", description="Its region")
    s3_key_file: Path | None = Field(
        default=None, description="Two lines: the id of the access key, its secret; without it, the environment's"
    )
    s3_ca_file: Path | None = Field(default=None, description="PEM: who signed the endpoint's certificate")


class LogSection(Section):
    level: Literal["debug", "info", "warning", "alarm"] = Field(default="info", description="What is worth an entry")
    format: Literal["auto", "logfmt", "json"] = Field(default="auto", description="auto: logfmt for people, JSON else")


class KeysSection(Section):
    file: Path | None = Field(
        default=None,
        description="The master key that private keys are sealed with; without it, master.key beside the store",
    )


class PrivilegesSection(Section):
    user: str = Field(default="", description="Who we become once the ports are bound, when started as root")
    group: str = Field(default="", description="Without it, the group of that user")


class ProcessSection(Section):
    confine: bool = Field(
        default=True,
        description="Give up, before anybody is let in, what a mail server does not need; false only to find a fault",
    )


class StopSection(Section):
    deadline: Duration = Field(default=20.0, description="How long a clean stop waits for what is in progress")
