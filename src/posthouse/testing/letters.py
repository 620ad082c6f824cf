"""Letters as people get them, good and junk, in English and German, made by grammars: for the classifier's tests.

Not easy on purpose: good mail talks about prices, accounts and offers too,
junk comes with sentences of good mail to hide in, and both have the same
greetings, signatures and mail programs. Deterministic for a seed.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SUBJECTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "work": {
        "en": (
            "the {thing} for {place}",
            "{thing}: next steps",
            "Re: {thing} and budget",
            "meeting on {day} about {thing}",
            "minutes of {day}",
        ),
        "de": (
            "{thing} für {place}",
            "{thing}: nächste Schritte",
            "Re: {thing} und Kosten",
            "Besprechung am {day} wegen {thing}",
            "Protokoll vom {day}",
        ),
    },
    "home": {
        "en": (
            "dinner on {day}?",
            "photos from {place}",
            "Re: holidays in {place}",
            "grandma's birthday",
            "the children",
        ),
        "de": ("Essen am {day}?", "Bilder aus {place}", "Re: Urlaub in {place}", "Omas Geburtstag", "die Kinder"),
    },
    "news": {
        "en": ("Your weekly digest: {thing}", "Order {number} has shipped", "Invoice {number}", "New in {place}"),
        "de": (
            "Ihre Wochenübersicht: {thing}",
            "Bestellung {number} ist unterwegs",
            "Rechnung {number}",
            "Neu in {place}",
        ),
    },
    "pills": {
        "en": ("cheap {pill} without prescription", "{pill} -70% today", "your {pill} order", "be a man again"),
        "de": ("günstig {pill} ohne Rezept", "{pill} -70% nur heute", "Ihre {pill} Bestellung", "wieder ein Mann sein"),
    },
    "money": {
        "en": (
            "claim your {prize} now",
            "urgent business proposal",
            "you have won {number}",
            "loan approved in minutes",
        ),
        "de": (
            "sichern Sie sich {prize}",
            "dringender Geschäftsvorschlag",
            "Sie haben {number} gewonnen",
            "Kredit sofort",
        ),
    },
    "phish": {
        "en": (
            "your mailbox is full",
            "unusual sign-in to your account",
            "verify your account {number}",
            "parcel on hold",
        ),
        "de": (
            "Ihr Postfach ist voll",
            "ungewöhnliche Anmeldung",
            "Konto {number} bestätigen",
            "Paket wird zurückgehalten",
        ),
    },
}
_SENTENCES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "work": {
        "en": (
            "Please look at the {thing} before {day}.",
            "The {thing} costs more than we planned, but the offer from {place} is good.",
            "I have attached the drawing and the minutes of our meeting in {place}.",
            "Can you send me the account numbers for the {thing}?",
            "We need two more people for the {thing}; {name} is free from {day} on.",
            "The customer asked again when the {thing} will be delivered.",
            "Let us talk about it on the phone, I am in the office until five.",
        ),
        "de": (
            "Bitte sehen Sie sich {thing} bis {day} an.",
            "Das kostet mehr als geplant, aber das Angebot aus {place} ist gut.",
            "Die Zeichnung und das Protokoll unserer Besprechung in {place} liegen bei.",
            "Können Sie mir die Kontonummern für {thing} schicken?",
            "Wir brauchen noch zwei Leute für {thing}; {name} hat ab {day} Zeit.",
            "Der Kunde fragt schon wieder, wann {thing} geliefert wird.",
            "Lassen Sie uns telefonieren, ich bin bis fünf im Büro.",
        ),
    },
    "home": {
        "en": (
            "We had a lovely time in {place}, the children still talk about it.",
            "Will you come to dinner on {day}? {name} will bring the cake.",
            "The garden looks wonderful after the rain.",
            "Mum asked whether you still have the key to the cellar.",
            "I found a cheap flight to {place}, shall we book it?",
            "Give my love to {name}.",
        ),
        "de": (
            "In {place} war es wunderschön, die Kinder reden noch immer davon.",
            "Kommt ihr am {day} zum Essen? {name} bringt Kuchen mit.",
            "Der Garten sieht nach dem Regen herrlich aus.",
            "Mama fragt, ob du noch den Kellerschlüssel hast.",
            "Ich habe einen günstigen Flug nach {place} gefunden, sollen wir buchen?",
            "Grüß {name} von mir.",
        ),
    },
    "news": {
        "en": (
            "Your order {number} left our warehouse on {day}.",
            "In this issue: {thing}, {place} and what our readers say.",
            "Invoice {number} is due on {day}; thank you for your purchase.",
            "You receive this letter because you subscribed on our site; unsubscribe at any time.",
            "Members get free delivery on all offers until {day}.",
        ),
        "de": (
            "Ihre Bestellung {number} hat unser Lager am {day} verlassen.",
            "In dieser Ausgabe: {thing}, {place} und was unsere Leser sagen.",
            "Die Rechnung {number} ist am {day} fällig; danke für Ihren Einkauf.",
            "Sie erhalten diesen Brief, weil Sie ihn bestellt haben; Abmeldung jederzeit möglich.",
            "Mitglieder erhalten bis {day} alle Angebote versandkostenfrei.",
        ),
    },
    "pills": {
        "en": (
            "Buy {pill} from our licensed pharmacy, no prescription needed.",
            "Discreet shipping worldwide, satisfaction guaranteed or your money back.",
            "Thousands of men already enjoy longer nights with {pill}.",
            "Lowest prices for {pill}, bonus pills with every purchase, click below.",
        ),
        "de": (
            "Kaufen Sie {pill} in unserer Apotheke, ganz ohne Rezept.",
            "Diskreter Versand weltweit, Geld-zurück-Garantie.",
            "Tausende Männer genießen schon längere Nächte mit {pill}.",
            "Tiefstpreise für {pill}, Gratispillen zu jedem Kauf, hier klicken.",
        ),
    },
    "money": {
        "en": (
            "I am the widow of a late minister and seek a trustworthy partner to transfer {prize}.",
            "You were selected to receive {prize}, reply with your bank details today.",
            "Our crypto robot earns {prize} a week, guaranteed profit, risk free.",
            "Instant loan without credit check, approved within minutes.",
        ),
        "de": (
            "Ich bin die Witwe eines verstorbenen Ministers und suche einen Partner, um {prize} zu überweisen.",
            "Sie wurden ausgewählt, {prize} zu erhalten, antworten Sie heute mit Ihrer Bankverbindung.",
            "Unser Krypto-Roboter verdient {prize} pro Woche, garantierter Gewinn ohne Risiko.",
            "Sofortkredit ohne Schufa, Zusage in wenigen Minuten.",
        ),
    },
    "phish": {
        "en": (
            "Your mailbox has exceeded its storage quota and will be suspended within 24 hours.",
            "Confirm your password immediately to avoid permanent deactivation of your account.",
            "We detected an unauthorized sign-in; validate your identity using the secure link.",
            "Your parcel is on hold, pay the customs fee to release it.",
        ),
        "de": (
            "Ihr Postfach hat das Speicherlimit überschritten und wird in 24 Stunden gesperrt.",
            "Bestätigen Sie umgehend Ihr Passwort, um die endgültige Sperrung zu vermeiden.",
            "Wir haben eine unbefugte Anmeldung festgestellt; verifizieren Sie Ihre Identität über den Link.",
            "Ihr Paket wird zurückgehalten, zahlen Sie die Zollgebühr zur Freigabe.",
        ),
    },
}
_WORDS = {
    "thing": (
        "bridge",
        "heating",
        "contract",
        "tender",
        "catalogue",
        "roof",
        "server room",
        "survey",
        "Brücke",
        "Heizung",
    ),
    "place": ("Leeds", "Graz", "Basel", "Turin", "Lyon", "Bremen", "York", "Kassel", "Ghent", "Malmö"),
    "day": ("Monday", "Tuesday", "Friday", "the 14th", "Montag", "Dienstag", "Freitag", "the 3rd"),
    "name": ("Anna", "Peter", "Ruth", "Jonas", "Maria", "Tom", "Sophie", "Karl"),
    "pill": ("viagra", "cialis", "levitra", "xanax", "kamagra"),
    "prize": ("$4,500,000", "2,000,000 EUR", "an iPhone", "50 BTC", "850,000 GBP"),
    "number": ("10482", "77120", "4410-9", "558201", "90034"),
}
GOOD = ("work", "home", "news")
JUNK = ("pills", "money", "phish")
_HELLO = {"en": ("Hello,", "Dear all,", "Hi,", ""), "de": ("Hallo,", "Guten Tag,", "Liebe alle,", "")}
_BYE = {"en": ("Best regards", "Yours", "Thanks"), "de": ("Viele Grüße", "Mit freundlichen Grüßen", "Danke")}


@dataclass(frozen=True, slots=True)
class Letter:
    """One of them. ``octets`` is the whole message."""

    octets: bytes
    is_junk: bool
    kind: str
    sender: str


class Writer:
    """Writes to one person, who speaks ``languages`` and gets mail of ``kinds`` from people of his own."""

    def __init__(
        self, seed: int, *, languages: Sequence[str] = ("en", "de"), kinds: Sequence[str] = GOOD, name: str = "alice"
    ) -> None:
        self._chance = random.Random(f"letters {seed}")
        self._languages = languages
        self._kinds = kinds
        self._name = name
        self._friends = [
            f"{self._chance.choice(_WORDS['name']).lower()}{number}@friends{number % 4}.test" for number in range(8)
        ]
        self._count = 0

    def good(self) -> Letter:
        return self._write(self._chance.choice(self._kinds), is_junk=False)

    def junk(self) -> Letter:
        return self._write(self._chance.choice(JUNK), is_junk=True)

    def letters(self, good: int, junk: int) -> list[Letter]:
        """So many of both, mixed."""
        found = [self.good() for _ in range(good)] + [self.junk() for _ in range(junk)]
        self._chance.shuffle(found)
        return found

    def _write(self, kind: str, *, is_junk: bool) -> Letter:
        chance, language = self._chance, self._chance.choice(self._languages)
        self._count += 1
        subject = self._fill(chance.choice(_SUBJECTS[kind][language]))
        sentences = [self._fill(one) for one in chance.choices(_SENTENCES[kind][language], k=chance.randint(2, 5))]
        if is_junk and chance.random() < 0.3:  # words of good mail to hide among
            sentences += [self._fill(one) for one in chance.choices(_SENTENCES[chance.choice(GOOD)][language], k=2)]
        if is_junk:
            sender = f"{chance.choice(('info', 'support', 'sales', 'anna', 'peter'))}@host{chance.randint(1, 400)}.test"
            sentences.append(f"http://www.site{chance.randint(1, 60)}.test/{chance.randint(1, 10**6)}")
        else:
            sender = "news@shop.test" if kind == "news" else chance.choice(self._friends)
            if kind == "news":
                sentences.append("https://www.shop.test/orders")
        text = "\r\n".join([chance.choice(_HELLO[language]), "", *sentences, "", chance.choice(_BYE[language])])
        head = [
            f"From: {sender.partition('@')[0].title()} <{sender}>",
            f"To: {self._name}@office.test",
            f"Subject: {subject}",
            f"Date: Mon, 06 Nov 2023 {self._count % 24:02d}:10:00 +0000",
            f"Message-ID: <{kind}{self._count}.{chance.randint(0, 10**9)}@{sender.partition('@')[2]}>",
            "MIME-Version: 1.0",
        ]
        if chance.random() < 0.3:
            text = "<html><body><p>" + text.replace("\r\n", "<br>\r\n") + "</p></body></html>"
            head.append("Content-Type: text/html; charset=utf-8")
        else:
            head.append("Content-Type: text/plain; charset=utf-8")
        head.append("Content-Transfer-Encoding: 8bit")
        if kind == "news":
            head.append("List-Unsubscribe: <mailto:leave@shop.test>")
        return Letter(("\r\n".join(head) + "\r\n\r\n" + text + "\r\n").encode(), is_junk, kind, sender)

    def _fill(self, template: str) -> str:
        return template.format(**{name: self._chance.choice(values) for name, values in _WORDS.items()})
