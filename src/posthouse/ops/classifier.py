"""The classifier in the operator's hands: what it knows, training, forgetting, why it says what it says."""

from collections.abc import AsyncIterator

from posthouse.admd.directory import Directory
from posthouse.filter.classifier.book import OPERATOR, PEOPLE, SHARED, Totals
from posthouse.filter.classifier.school import School
from posthouse.filter.classifier.tokens import LONGEST, MOST
from posthouse.mail.ids import AccountId
from posthouse.ops.arguments import Arguments, to_address
from posthouse.ops.house import CannotDo, House, Row
from posthouse.ops.people import find_account, known

Rows = AsyncIterator[Row]

EVERYBODY = "(all)"
TRAINER = "operator"


async def status(house: House, arguments: Arguments) -> Rows:
    """Who has taught how much, and whether that is enough to be heard."""
    arguments.finish()
    school = await _school(house)
    people = await known(house)
    for name, one in sorted(school.book.totals.items(), key=lambda item: (item[0] != SHARED, item[0])):
        is_shared = name == SHARED
        least = PEOPLE if is_shared else school.book.minimum
        yield {
            "name": EVERYBODY if is_shared else _name(people, AccountId(int(name))),
            "counts": "people" if is_shared else "messages",
            "junk": one.junk,
            "good": one.good,
            "least": least,
            "speaks": one.least() >= least and name != str(OPERATOR),
        }


async def train(house: House, arguments: Arguments) -> Rows:
    """One message as its tokens: for one account, or for all (by the operator, whose word all hear)."""
    address, is_junk = arguments.text("account", ""), arguments.flag("junk")
    name, tokens = arguments.text("name"), _tokens(arguments)
    arguments.finish()
    if len(name) != 64 or not name.isascii() or not name.isalnum():
        raise CannotDo("name must be the SHA-256 of the message")
    account = await _account(house, address)
    school = await _school(house)
    learned = await school.learner.train(account, name, tokens, is_junk=is_junk)
    if account == OPERATOR and learned:
        school.book.forget_words()
    yield {"learned": learned}


async def forget(house: House, arguments: Arguments) -> Rows:
    """All that an account has taught, its voice among all included."""
    address = arguments.text("address")
    arguments.finish()
    account = await _account(house, "" if address == TRAINER else address)
    yield {"address": address, "tokens": await (await _school(house)).learner.forget(account)}


async def explain(house: House, arguments: Arguments) -> Rows:
    """What a message looks like to an account, or to all; then its tokens that speak, the strongest first.

    What others have taught shows only as what at least ``PEOPLE`` of them share.
    """
    address, tokens = arguments.text("account", ""), _tokens(arguments)
    arguments.finish()
    account = await _account(house, address) if address else None
    book = (await _school(house)).book
    known: Totals | None = book.totals.get(str(account) if account is not None else SHARED)
    if account is not None and not book.speaks(account):
        account = None
    if account is None and not book.shared_speaks:
        raise CannotDo(
            "nobody has taught enough yet",
            f"{book.minimum} junk and {book.minimum} good messages of one account, or both of {PEOPLE} people; "
            f"known are {known.junk if known else 0} and {known.good if known else 0}",
        )
    lexicon = book.lexicon(account)
    odds = await book.look_up(lexicon, tokens)
    yield {"junk": round(odds.junk, 4), "score": odds.score, "by": "own words" if account else "shared words"}
    for token, junk in odds.tokens:
        yield {"token": token, "junk": round(junk, 3)}


def _tokens(arguments: Arguments) -> list[str]:
    tokens = arguments.texts("tokens")
    if len(tokens) > MOST or any(len(token) > LONGEST for token in tokens):
        raise CannotDo(f"a message has at most {MOST} tokens of {LONGEST} characters")
    return list(tokens)


async def _school(house: House) -> School:
    """What is known, just read anew."""
    school = house.school
    if school is None:
        raise CannotDo("there is no classifier here")
    await school.refresh()
    return school


def _name(people: Directory, account: AccountId) -> str:
    row = people.account(account)
    return TRAINER if account == OPERATOR else row.address if row is not None else f"(gone: {account})"


async def _account(house: House, address: str) -> AccountId:
    if not address or address.casefold() == TRAINER:
        return OPERATOR
    return (await find_account(house, to_address(address))).account
