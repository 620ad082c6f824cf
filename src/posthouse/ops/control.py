"""The operations by name: what ``posthouse NOUN VERB`` asks of a server, or does itself when none runs."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from posthouse.admd.vault import VaultLocked
from posthouse.ops import (
    accounts,
    aliases,
    cells,
    classifier,
    cluster,
    dkim,
    dns,
    people,
    quarantine,
    queue,
    reports,
    scanners,
    traces,
)
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row
from posthouse.storage.errors import Conflict, Missing, StorageError

Operation = Callable[[House, Arguments], AsyncIterator[Row]]

OPERATIONS: Mapping[str, Operation] = {
    "domain add": people.add_domain,
    "domain list": people.list_domains,
    "domain remove": people.remove_domain,
    "account add": people.add_account,
    "account list": people.list_accounts,
    "account show": people.show_account,
    "account password": people.set_password,
    "account disable": people.disable_account,
    "account enable": people.enable_account,
    "account remove": people.remove_account,
    "account hold": accounts.hold,
    "account release": accounts.release,
    "account revoke-sessions": accounts.revoke_sessions,
    "account grant": accounts.grant,
    "account ungrant": accounts.ungrant,
    "account app-password add": accounts.add_app_password,
    "account app-password list": accounts.list_app_passwords,
    "account app-password revoke": accounts.revoke_app_password,
    "alias add": aliases.add_alias,
    "alias list": aliases.list_aliases,
    "alias remove": aliases.remove_alias,
    "queue list": queue.list_queue,
    "queue show": queue.show_queued,
    "queue hold": queue.hold,
    "queue release": queue.release,
    "queue retry": queue.retry,
    "queue drop": queue.drop,
    "queue bounce": queue.bounce,
    "dkim list": dkim.list_keys,
    "dkim rotate": dkim.rotate,
    "dkim activate": dkim.activate,
    "dkim retire": dkim.retire,
    "dkim reset": dkim.reset,
    "dns records": dns.records,
    "dns check": dns.check,
    "quarantine list": quarantine.list_quarantine,
    "quarantine show": quarantine.show_quarantined,
    "quarantine release": quarantine.release,
    "quarantine drop": quarantine.drop,
    "quarantine digest": quarantine.digest,
    "report dmarc": reports.dmarc,
    "report tls": reports.tls,
    "report failures": reports.failures,
    "report list": reports.listed,
    "report send": reports.send,
    "classifier status": classifier.status,
    "classifier train": classifier.train,
    "classifier forget": classifier.forget,
    "classifier explain": classifier.explain,
    "cell list": cells.list_cells,
    "cell add": cells.add,
    "cell drain": cells.drain,
    "cell move": cells.move,
    "cluster status": cluster.status,
    "cluster doctor": cluster.doctor,
    "scanner list": scanners.list_scanners,
    "scanner test": scanners.test_scanners,
    "explain": traces.explain,
    "recent": traces.recent,
    "status": traces.status,
    "limits": traces.limits,
}


CHANGES_PEOPLE = frozenset(
    name
    for name in OPERATIONS
    if name.startswith(("domain ", "account ", "alias ")) and not name.endswith((" list", " show"))
)


async def perform(house: House, operation: str, given: Mapping[str, Any]) -> AsyncIterator[Row]:
    """The rows of one operation; raises ``CannotDo`` for everything that is expected to go wrong."""
    found = OPERATIONS.get(operation)
    if found is None:
        raise CannotDo(f"there is no operation {operation!r}", "the server may be older than the command")
    try:
        async for row in found(house, Arguments(given)):
            yield row
        if house.directory is not None and operation in CHANGES_PEOPLE:
            await house.directory.refresh(house.store)
    except VaultLocked as error:
        raise CannotDo(str(error), "without the master key no private key can be kept or used") from error
    except (Conflict, Missing) as error:
        raise CannotDo(str(error)) from error
    except StorageError as error:
        raise CannotDo(f"the store refused: {error}", "look into the log of the server; nothing was changed") from error
