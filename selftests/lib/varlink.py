#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A Varlink client, as anybody would write one from the specification: it knows nothing of vnet-agent.

  varlink.py SOCKET info                     what the service says of itself
  varlink.py SOCKET describe INTERFACE       an interface's description
  varlink.py SOCKET call METHOD [JSON]       one reply, checked against the description: each member there, of its
                                             type, and no other. Exit 1: an error, printed; 2: the reply is not as described
  varlink.py SOCKET oneway METHOD [JSON]     as call, but no reply is wanted: exit 2 when one comes before that of GetInfo
"""
import json
import re
import socket
import sys

TOKEN = re.compile(r"\s*(->|[A-Za-z][A-Za-z0-9_.-]*|[():,?]|\[\]|\[string\])")


class Idl:
    """The description: types and methods by name; a struct is a dict, an enum a list, others a tuple."""

    def __init__(self, text):
        text = re.sub(r"#[^\n]*", "", text)
        self.tokens = TOKEN.findall(text)
        if re.sub(r"\s+", "", text) != "".join(self.tokens):
            raise SystemExit("the description has characters that Varlink does not know")
        self.at = 0
        self.types, self.methods, self.errors = {}, {}, {}
        assert self.next() == "interface"
        self.name = self.next()
        while self.at < len(self.tokens):
            word, name = self.next(), self.next()
            if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
                raise SystemExit(f"{name} is not a name of Varlink's")
            if word == "type":
                self.types[name] = self.braces()
            elif word == "error":
                self.errors[name] = self.braces()
            elif word == "method":
                takes = self.braces()
                assert self.next() == "->"
                self.methods[name] = (takes, self.braces())
            else:
                raise SystemExit(f"{word}: not a word of Varlink's")

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def braces(self):
        assert self.next() == "("
        members, words = {}, []
        while self.tokens[self.at] != ")":
            name = self.next()
            if not re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", name):
                raise SystemExit(f"{name} is not a member's name of Varlink's")
            if self.tokens[self.at] == ":":
                self.next()
                members[name] = self.type()
            else:
                words.append(name)
            if self.tokens[self.at] == ",":
                self.next()
        self.next()
        return words or members

    def type(self):
        if self.tokens[self.at] == "(":
            return self.braces()
        word = self.next()
        return (word, self.type()) if word in ("?", "[]", "[string]") else word

    def check(self, value, of, where):
        simple = {"bool": bool, "int": int, "string": str, "float": (int, float), "object": dict}
        if isinstance(of, tuple):
            kind, inner = of
            if kind == "?":
                return value is None or self.check(value, inner, where)
            if not isinstance(value, list if kind == "[]" else dict):
                bad(where, value, of)
            for key, v in enumerate(value) if kind == "[]" else value.items():
                self.check(v, inner, f"{where}[{key}]")
        elif isinstance(of, list):
            if value not in of:
                bad(where, value, of)
        elif isinstance(of, dict):
            if not isinstance(value, dict):
                bad(where, value, of)
            for key in value.keys() - of.keys():
                bad(f"{where}.{key}", value[key], "not described")
            for key, t in of.items():
                if key not in value and not (isinstance(t, tuple) and t[0] == "?"):
                    bad(f"{where}.{key}", None, "missing")
                if key in value:
                    self.check(value[key], t, f"{where}.{key}")
        elif of in simple:
            if not isinstance(value, simple[of]) or (of == "int" and isinstance(value, bool)):
                bad(where, value, of)
        elif of in self.types:
            self.check(value, self.types[of], where)
        else:
            bad(where, value, f"type {of}, which is not described")
        return True


def bad(where, value, of):
    print(f"{where}: {json.dumps(value)[:100]}: {of}")
    sys.exit(2)


class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.data = b""

    def send(self, method, parameters=None, **more):
        self.sock.sendall(json.dumps({"method": method, "parameters": parameters or {}, **more}).encode() + b"\0")

    def receive(self):
        while b"\0" not in self.data:
            part = self.sock.recv(65536)
            if not part:
                raise SystemExit("the service closed the connection")
            self.data += part
        text, self.data = self.data.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, parameters=None, **more):
        self.send(method, parameters, **more)
        return self.receive()

    def describe(self, interface):
        reply = self.call("org.varlink.service.GetInterfaceDescription", {"interface": interface})
        if "error" in reply:
            print(json.dumps(reply))
            sys.exit(1)
        return reply["parameters"]["description"]


def main(path, verb, name="", parameters="{}"):
    client = Client(path)
    if verb == "info":
        print(json.dumps(client.call("org.varlink.service.GetInfo")["parameters"]))
        return 0
    if verb == "describe":
        print(client.describe(name), end="")
        return 0
    interface, method = name.rsplit(".", 1)
    idl = Idl(client.describe(interface))
    if verb == "oneway":
        client.send(name, json.loads(parameters), oneway=True)
        reply = client.call("org.varlink.service.GetInfo")
        return 0 if "product" in reply.get("parameters", {}) else 2
    reply = client.call(name, json.loads(parameters))
    print(json.dumps(reply.get("parameters") if "error" not in reply else reply))
    if "error" in reply:
        return 1
    idl.check(reply["parameters"], idl.methods[method][1], method)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
