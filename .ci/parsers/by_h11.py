"""Reads the cases of core/tests/differential.rs with h11: all that went on must be good to it, and the same.

The file's form is told in core/tests/http11/tell.rs. Usage: by_h11.py cases.txt
"""

import sys

import h11

# Where we lawfully pass what h11 refuses: a name, and the sentence that allows it.
LAWFUL = {
    "line-endings/leading-crlf": "RFC 9112 2.2: a server should ignore an empty line before a request",
    "valid/pipeline-with-an-empty-line-between": "RFC 9112 2.2: the same, behind another request",
    "valid/http10-keep-alive": "RFC 9112 C.2.2: HTTP/1.0 may ask to be kept; h11 closes all the same",
    "valid/http10-then-http11": "RFC 9112 C.2.2: the same",
}


def cases(path):
    for line in open(path, encoding="ascii"):
        word, *rest = line.rstrip("\n").split(" ")
        if word == "case":
            case = {"name": rest[0], "passed": [], "heard": []}
            yield case
        elif word == "said":
            case["said"] = bytes.fromhex(rest[0])
        elif word == "passed":
            case["passed"].append((int(rest[0]), rest[1], bytes.fromhex(rest[2])))
        elif word == "heard":
            case["heard"].append((rest[0] == "whole", bytes.fromhex(rest[1]), []))
        elif word == "request":
            case["heard"][-1][2].append((rest[0], rest[1], bytes.fromhex(rest[2])))
        else:
            sys.exit(f"what is {line!r}?")


def read(data):
    """The requests in `data`, each with method, target and body, and why there are no more."""
    peer, requests = h11.Connection(h11.SERVER), []
    peer.receive_data(data)
    peer.receive_data(b"")
    try:
        while True:
            event = peer.next_event()
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                requests.append((head.method.decode(), head.target.decode(), body))
                peer.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                peer.send(h11.EndOfMessage())
                if peer.our_state is not h11.DONE or peer.their_state is not h11.DONE:
                    return requests, None
                peer.start_next_cycle()
            else:
                return requests, None
    except h11.RemoteProtocolError as error:
        return requests, error


def differences(case):
    for whole, data, expected in case["heard"]:
        requests, refused = read(data)
        if requests != expected:
            yield f"of what we sent it reads {requests}, we count {expected}"
        if whole and refused:
            yield f"refuses what we sent: {refused}"
    requests, refused = read(case["said"]) if case["passed"] else ([], None)
    for number, method, body in case["passed"]:
        if number >= len(requests):
            yield f"refuses request {number} that we passed: {refused}"
        elif (requests[number][0], requests[number][2]) != (method, body):
            yield f"reads request {number} as {requests[number]}, we passed {(method, body)}"


def main(path):
    # A case comes twice, cut and uncut: the generator fills it until it yields the next one.
    found, met, passed = [], set(), 0
    for case in list(cases(path)):
        passed += len(case["passed"])
        for difference in differences(case):
            if case["name"] in LAWFUL:
                met.add(case["name"])
            else:
                found.append(f"{case['name']}: h11 {difference}")
    found += [f"{name}: h11 agrees by now" for name in LAWFUL if name not in met]
    print("\n".join(found + [f"h11 {h11.__version__}: {passed} requests passed, {len(found)} differences"]))
    return 1 if found or not passed else 0


sys.exit(main(*sys.argv[1:]))
