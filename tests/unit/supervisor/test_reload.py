"""What a reload changes, and what it leaves for a restart."""

from posthouse.supervisor.load import parse
from posthouse.supervisor.reload import kept_until_restart, waits_for_restart

BEFORE = parse('hostname = "mx.office.test"\n')
AFTER = parse('hostname = "new.office.test"\n[log]\nlevel = "debug"\n[limits]\nhash_workers = 7\nconnections = 9\n')


def test_what_waits_for_a_restart_is_named():
    assert waits_for_restart(BEFORE, AFTER) == ["hostname", "limits.hash_workers"]
    assert waits_for_restart(BEFORE, BEFORE) == []


def test_workers_that_are_started_later_have_the_same_name_and_the_new_limits():
    later = AFTER.replace(**kept_until_restart(BEFORE))
    assert (later.hostname, later.log.level, later.effective_limits.connections) == ("mx.office.test", "debug", 9)
