"""A milter that does what the Subject tells it to, and writes down what it was told. Run as a program of its own."""

import os
import sys

import Milter

NOTED = ("i", "j", "_", "{auth_authen}", "{mail_addr}", "{rcpt_addr}", "{tls_version}", "{client_addr}")


class Obedient(Milter.Base):
    def __init__(self):
        self.subject = ""
        self.octets = b""

    def note(self, *words):
        macros = [f"{name}={self.getsymval(name)}" for name in NOTED if self.getsymval(name)]
        with open(sys.argv[2], "a") as heard:
            heard.write(" ".join(map(str, (*words, *macros))) + "\n")

    def connect(self, host, family, address):
        self.note("connect", host, address)
        return Milter.CONTINUE

    def hello(self, name):
        self.note("helo", name)
        return Milter.REJECT if name == "bad.example" else Milter.CONTINUE

    def envfrom(self, path, *parameters):
        self.note("mail", path)
        self.sender = path
        return Milter.TEMPFAIL if "later" in path else Milter.CONTINUE

    def envrcpt(self, path, *parameters):
        self.note("rcpt", path)
        if "picky" in self.sender and "bob" in path:
            self.setreply("550", "5.7.3", "not for bob")
            return Milter.REJECT
        return Milter.CONTINUE

    def data(self):
        self.note("data")
        return Milter.CONTINUE

    def header(self, name, value):
        self.note("field", name, repr(value))
        if name.lower() == "subject":
            self.subject = value
        return Milter.CONTINUE

    def eoh(self):
        self.note("eoh")
        return Milter.DISCARD if self.subject == "discard" else Milter.CONTINUE

    def body(self, octets):
        self.octets += octets
        return Milter.SKIP if self.subject == "skip" else Milter.CONTINUE

    def eom(self):
        self.note("end", len(self.octets))
        order = self.subject
        if order == "reject":
            return Milter.REJECT
        if order == "tempfail":
            return Milter.TEMPFAIL
        if order == "reply":
            self.setreply("554", "5.7.9", "we have read it, and", "we do not want it")
            return Milter.REJECT
        if order == "quarantine":
            self.quarantine("looks odd")
        if order == "progress":
            self.progress()
        if order == "shutdown":
            os._exit(0)
        if order == "change":
            self.addheader("X-Last", "one\n two")
            self.addheader("X-First", "top", 0)
            self.chgheader("Subject", 1, "changed")
            self.chgheader("X-Secret", 1, "")
        if order == "body":
            self.replacebody("another body\n.\nwith a dot\n")
        if order == "envelope":
            self.chgfrom("<new@sender.test>")
            self.addrcpt("<bob@office.test>")
            self.delrcpt("<alice@office.test>")
        return Milter.ACCEPT if order == "accept" else Milter.CONTINUE

    def abort(self):
        return Milter.CONTINUE


Milter.factory = Obedient
Milter.set_flags(
    Milter.CHGBODY + Milter.CHGHDRS + Milter.ADDHDRS + Milter.ADDRCPT + Milter.DELRCPT + Milter.QUARANTINE
    + Milter.CHGFROM
)  # fmt: skip
Milter.runmilter("obedient", sys.argv[1], 60)
