"""One client that asks as fast as it can, from an address of its own, until its standard input ends.

Says ``begun`` once it has been refused, and at the end one line of JSON: answers by status.
Arguments: host, port, own address, path, and a bearer token or nothing.
"""

import json
import os
import select
import socket
import sys
from collections import Counter

CONNECTIONS = 8
#: Requests that are sent over a connection before their answers are looked at.
AHEAD = 8


def main(host, port, own, path, token=""):
    session = f"Authorization: Bearer {token}\r\n" if token else ""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{session}\r\n".encode() * AHEAD
    connections = []
    for _ in range(CONNECTIONS):
        connection = socket.create_connection((host, int(port)), 20, (own, 0))
        connection.sendall(request)
        connections.append(connection)
    answers: Counter[str] = Counter()
    waiting = dict.fromkeys(connections, AHEAD)
    while True:
        ready, _, _ = select.select([sys.stdin, *connections], [], [])
        if sys.stdin in ready:
            break
        for connection in ready:
            data = connection.recv(1 << 20)
            statuses = [part[:3].decode() for part in data.split(b"HTTP/1.1 ")[1:]]
            if not answers["429"] and "429" in statuses:
                os.write(1, b"begun\n")
            answers.update(statuses)
            waiting[connection] -= len(statuses)
            if waiting[connection] <= 0:
                connection.sendall(request)
                waiting[connection] += AHEAD
    os.write(1, json.dumps(answers).encode() + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
