"""RFC 9051, what the protocol core alone must keep: states, syntax, responses."""

import pytest

from posthouse.lib.sansio import LocalError
from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.attributes import flags
from posthouse.standards.imap.fetchitems import Attribute, BodySection, SectionText
from posthouse.testing.imap import TLS, Dialogue


@pytest.mark.rfc(9051, "2.2.1", "MUST")
def test_a_client_error_is_answered_bad_with_its_tag():
    dialogue = Dialogue.logged_in()
    dialogue.events("tag1 FROBNICATE")
    assert dialogue.said.startswith(b"tag1 BAD ")


@pytest.mark.rfc(9051, "2.2.1", "MUST")
def test_a_line_without_a_tag_is_answered_untagged_bad():
    dialogue = Dialogue.logged_in()
    dialogue.events("{")
    assert dialogue.said.startswith(b"* BAD ")


@pytest.mark.rfc(9051, "2.3.2", "MUST")
def test_flags_do_not_depend_on_case():
    event = Dialogue.selected().event("a STORE 1 FLAGS (\\sEEN \\DELETED)")
    assert event.flags == {"\\Seen", "\\Deleted"}


@pytest.mark.rfc(9051, "3", "MUST")
@pytest.mark.parametrize(
    "command", ["SELECT INBOX", 'LIST "" *', "IDLE", "APPEND x {1}", "ENABLE CONDSTORE", "NAMESPACE"]
)
def test_commands_of_the_authenticated_state_wait_for_login(command):
    dialogue = Dialogue()
    dialogue.events("a " + command)
    assert dialogue.said.startswith(b"a BAD ")


@pytest.mark.rfc(9051, "3", "MUST")
@pytest.mark.parametrize(
    "command",
    ["FETCH 1 FLAGS", "SEARCH ALL", "STORE 1 FLAGS ()", "EXPUNGE", "CLOSE", "UNSELECT", "UID COPY 1 x", "MOVE 1 x"],
)
def test_commands_of_the_selected_state_wait_for_select(command):
    dialogue = Dialogue.logged_in()
    dialogue.events("a " + command)
    assert dialogue.said.startswith(b"a BAD ")


@pytest.mark.rfc(9051, "4.3", "MUST")
def test_continuation_before_a_synchronizing_literal():
    dialogue = Dialogue()
    dialogue.events("a LOGIN {5}")
    assert dialogue.said.startswith(b"+ ")


@pytest.mark.rfc(9051, "4.3", "MUST")
def test_a_literal_may_be_empty():
    assert e.Login("a", "alice", "") == Dialogue().events("a LOGIN alice {0}", "")[-1]


@pytest.mark.rfc(9051, "5.1", "MUST")
def test_inbox_in_any_case_is_inbox():
    assert e.Select("a", "INBOX") == Dialogue.logged_in().event("a SELECT iNbOx")


@pytest.mark.rfc(9051, "5.1", "MUST")
def test_names_have_no_controls():
    dialogue = Dialogue.logged_in()
    dialogue.events("a CREATE {3+}", b"a\x07b")
    assert dialogue.said.startswith(b"a NO [CANNOT]")


@pytest.mark.rfc(9051, "5.5", "MUST")
def test_commands_may_be_sent_without_waiting():
    events = Dialogue.selected().events("a NOOP", "b CAPABILITY", "c FETCH 1 FLAGS")
    assert [event.tag for event in events] == ["a", "b", "c"]


@pytest.mark.rfc(9051, "6.1.1", "MUST")
def test_capability_names_both_revisions():
    dialogue = Dialogue()
    dialogue.events("a CAPABILITY")
    assert dialogue.said.startswith(b"* CAPABILITY IMAP4rev1 IMAP4rev2 ")


@pytest.mark.rfc(9051, "6.1.3", "MUST")
def test_logout_says_bye_before_ok():
    dialogue = Dialogue()
    dialogue.events("a LOGOUT")
    assert dialogue.said == b"* BYE bye\r\na OK done\r\n"
    assert dialogue.core.closed


@pytest.mark.rfc(9051, "6.2.1", "MUST")
def test_no_command_is_taken_behind_starttls():
    dialogue = Dialogue(secured=False)
    assert [e.StartTls("a")] == dialogue.events("a STARTTLS", "b CAPABILITY")
    assert dialogue.core.closed


@pytest.mark.rfc(9051, "6.2.1", "MUST")
def test_starttls_is_not_offered_under_tls():
    dialogue = Dialogue(secured=False)
    assert b" STARTTLS" in dialogue.tell(r.Capabilities())
    dialogue.events("a STARTTLS")
    dialogue.core.secured(TLS)
    assert b" STARTTLS" not in dialogue.tell(r.Capabilities())


@pytest.mark.rfc(9051, "6.2.2", "MUST")
def test_authentication_is_cancelled_with_a_star():
    events = Dialogue().events("a AUTHENTICATE PLAIN", "*")
    assert e.AuthenticateResponse("a", None) == events[-1]


@pytest.mark.rfc(9051, "6.2.2", "MUST")
def test_what_is_not_base64_is_answered_bad():
    dialogue = Dialogue()
    dialogue.events("a AUTHENTICATE PLAIN", "a=b")
    assert b"\r\na BAD " in dialogue.said


@pytest.mark.rfc(9051, "6.2.2", "MUST")
def test_an_unknown_mechanism_is_answered_no():
    dialogue = Dialogue()
    dialogue.events("a AUTHENTICATE GSSAPI")
    assert dialogue.said.startswith(b"a NO ")


@pytest.mark.rfc(9051, "6.2.3", "MUST")
def test_logindisabled_is_meant():
    dialogue = Dialogue(secured=False)
    assert b"LOGINDISABLED" in dialogue.tell(r.Capabilities())
    dialogue.events("a LOGIN alice secret")
    assert dialogue.said.startswith(b"a NO [PRIVACYREQUIRED]")


@pytest.mark.rfc(9051, "6.3.2", "MUST")
def test_a_failed_select_deselects():
    dialogue = Dialogue.selected()
    dialogue.refusing = True
    dialogue.events("a SELECT Nowhere")
    dialogue.events("b FETCH 1 FLAGS")
    assert dialogue.said.startswith(b"b BAD ")


@pytest.mark.rfc(9051, "6.3.4", "MUST")
def test_create_with_a_trailing_delimiter_makes_the_name_before_it():
    assert e.Create("a", "foo") == Dialogue.logged_in().event("a CREATE foo/")


@pytest.mark.rfc(9051, "6.3.9", "MUST")
def test_an_empty_pattern_asks_for_the_delimiter():
    assert Dialogue.logged_in().event('a LIST "" ""').patterns == ()
    assert Dialogue.logged_in().tell(r.Listed("", ("\\Noselect",))) == b'* LIST (\\Noselect) "/" ""\r\n'


@pytest.mark.rfc(9051, "6.3.12", "MUST")
def test_append_over_the_limit_is_not_asked_for():
    dialogue = Dialogue.logged_in()
    dialogue.events("a APPEND INBOX {1001}")
    assert dialogue.said.startswith(b"a NO [TOOBIG]")


@pytest.mark.rfc(9051, "6.3.12", "MUST")
def test_a_message_to_nowhere_may_be_refused_with_trycreate_before_it_is_sent():
    dialogue = Dialogue.logged_in()
    dialogue.refusing = True
    assert isinstance(dialogue.event("a APPEND Nowhere {10}"), e.StartAppend)
    assert dialogue.said == b"a NO done\r\n"
    assert e.Noop("b") == dialogue.event("b NOOP")


@pytest.mark.rfc(9051, "6.3.13", "MUST")
def test_idle_ends_with_done_alone():
    dialogue = Dialogue.logged_in()
    dialogue.events("a IDLE", "NOOP")
    assert b"\r\na BAD " in dialogue.said


@pytest.mark.rfc(9051, "6.4.4", "MUST")
def test_an_unknown_charset_is_answered_with_those_known():
    dialogue = Dialogue.selected()
    dialogue.events("a SEARCH CHARSET X-NONE ALL")
    assert dialogue.said.startswith(b"a NO [BADCHARSET (US-ASCII UTF-8)]")


@pytest.mark.rfc(9051, "6.4.4", "MUST")
def test_search_answers_with_esearch():
    assert {"ALL"} == Dialogue.selected("IMAP4rev2").event("a SEARCH ALL").returns


@pytest.mark.rfc(9051, "6.4.5", "MUST")
@pytest.mark.parametrize("macro", ["ALL", "FAST", "FULL"])
def test_macros_stand_alone(macro):
    assert isinstance(Dialogue.selected().event(f"a FETCH 1 {macro}"), e.Fetch)
    assert isinstance(Dialogue.selected().event(f"a FETCH 1 ({macro})"), e.Malformed)


@pytest.mark.rfc(9051, "6.4.5.1", "MUST")
def test_a_partial_section_tells_its_origin():
    (item,) = Dialogue.selected().event("a FETCH 1 BODY.PEEK[]<17.5>").items
    assert isinstance(item, BodySection)
    assert (item.label, item.partial, item.peek) == (b"BODY[]<17>", (17, 5), True)


@pytest.mark.rfc(9051, "6.4.5.1", "MUST")
def test_field_names_do_not_depend_on_case():
    (item,) = Dialogue.selected().event("a FETCH 1 BODY[HEADER.FIELDS (SUBJECT from)]").items
    assert (SectionText.FIELDS, {b"subject", b"from"}) == (item.section.text, item.section.fields)


@pytest.mark.rfc(9051, "6.4.9", "MUST")
def test_uid_fetch_tells_the_uid_unasked():
    assert Attribute.UID in Dialogue.selected().event("a UID FETCH 1 FLAGS").items


@pytest.mark.rfc(9051, "7.1", "MUST")
def test_text_is_never_a_second_line():
    """The name of a mailbox, the words of a stranger: what is told is one line."""
    dialogue = Dialogue.logged_in()
    assert dialogue.tell(r.Notice(r.Condition.OK, "a\r\n* BYE b")).count(b"\r\n") == 1
    with pytest.raises(LocalError):
        dialogue.tell(r.Flags(("x\r\n",)))


@pytest.mark.rfc(9051, "7.5.2", "MUST")
def test_flags_are_a_list_even_when_empty():
    assert Dialogue.selected().tell(r.Fetched(1, (flags(()),))) == b"* 1 FETCH (FLAGS ())\r\n"


@pytest.mark.rfc(9051, "7.5.2", "MUST")
def test_rev2_clients_hear_nothing_of_recent():
    assert Dialogue.selected("IMAP4rev2").tell(r.Recent(1)) == b""
    assert Dialogue.selected().tell(r.Recent(1)) == b"* 1 RECENT\r\n"
