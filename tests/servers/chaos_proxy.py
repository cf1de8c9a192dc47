"""A proxy that loses replies and cuts connections, between a client and one server of HTTP.

    with ChaosProxy(8080, lost=0.3, cut=0.05) as proxy:
        proxy.endpoint

`lost`: of the requests to write, how many are carried out and never answered: the connection is
closed once the server has begun to answer. `cut`: of all pieces of replies, how many are passed on
by half, and the connection closed. Draws are seeded, but connections race, so runs differ.

`reply_max`, `request_max`: a connection is closed after so many bytes from the server, or from the
client, as by a proxy with a limit. `refuse_above`: requests to write of more bytes are answered 413.
`swap_reply`: the bytes that answer each write of a ref, in place of the server; the first
`swaps_passed` of them go to the server.
`stops_at`: a pattern of requests; from the `stops_nth` of them on nothing comes back until `flows` is set.
`rate`: bytes a second, of all connections together, each way.
`hurry`: times of change in listings run so many times as fast from now on.
"""

import datetime
import random
import re
import socket
import threading
import time

PIECE = 64 << 10
LISTED_TIME = rb"(?<=<LastModified>)[^<]+(?=</LastModified>)"


class Link:
    def __init__(self, rate):
        self.rate, self.lock, self.free_at = rate, threading.Lock(), 0

    def take(self, sender):
        if not self.rate:
            return sender.recv(PIECE)
        piece = sender.recv(4 << 10)
        with self.lock:
            self.free_at = max(self.free_at, time.monotonic()) + len(piece) / self.rate
            pause = self.free_at - time.monotonic()
        time.sleep(max(pause, 0))
        return piece


class ChaosProxy:
    def __init__(self, port, lost=0.0, cut=0.0, seed=1, reply_max=None, request_max=None,
                 refuse_above=None, swap_reply=None, swaps_passed=0, rate=None,
                 stops_at=None, stops_nth=1, hurry=None):
        self.port, self.lost, self.cut = port, lost, cut
        self.reply_max, self.request_max, self.refuse_above = reply_max, request_max, refuse_above
        self.swap_reply, self.swaps, self.swaps_passed = swap_reply, 0, swaps_passed
        self.random = random.Random(seed)
        self.up, self.down = Link(rate), Link(rate)
        self.lock = threading.Lock()
        self.losses = self.cuts = self.connections = 0
        self.flows = threading.Event()  # clear it, and nothing comes back any more
        self.flows.set()
        self.stops_at, self.stops_left, self.stopped = stops_at, stops_nth, threading.Event()
        self.hurry, self.since = hurry, datetime.datetime.now(datetime.UTC)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.sockets = {self.listener}
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.flows.set()
        with self.lock:
            open_sockets, self.sockets = list(self.sockets), set()
        for one in open_sockets:
            one.close()

    def chance(self, probability):
        with self.lock:
            return self.random.random() < probability

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = socket.create_connection(("127.0.0.1", self.port))
        with self.lock:
            self.sockets |= {client, server}
        doomed, lists = threading.Event(), threading.Event()
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.up.rate:  # what is not read yet waits with the sender
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
        back = threading.Thread(target=self.replies, args=(server, client, doomed, lists),
                                daemon=True)
        back.start()
        try:
            size = 0
            while piece := self.up.take(client):
                size += len(piece)
                if self.request_max and size > self.request_max:
                    break
                if self.refuse_above and self.is_large(piece):
                    client.sendall(b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n"
                                   b"connection: close\r\n\r\n")
                    break
                if self.swap_reply and re.match(rb"PUT [^ ]*/refs/", piece):
                    with self.lock:
                        self.swaps += 1
                    if self.swaps > self.swaps_passed:
                        client.sendall(self.swap_reply)
                        break
                if re.match(rb"[A-Z]+ /", piece):
                    (lists.set if b"list-type=2" in piece.split(b"\r\n", 1)[0] else lists.clear)()
                if self.stops_at and re.match(self.stops_at, piece):
                    self.stop()
                if piece.startswith((b"PUT ", b"POST ", b"DELETE ")) and self.chance(self.lost):
                    doomed.set()
                server.sendall(piece)
        except OSError:
            pass
        self.hang_up(server)
        back.join()
        self.hang_up(client)
        with self.lock:
            self.sockets -= {client, server}

    def piece_of_reply(self, server, lists):
        piece = self.down.take(server)
        if not self.hurry or not lists.is_set():
            return piece
        while re.search(rb"<(L[^<>]*)?$|<LastModified>[^<]*$", piece):  # a time may be cut in two
            more = self.down.take(server)
            if not more:
                break
            piece += more
        return re.sub(LISTED_TIME, self.hurried, piece)

    def hurried(self, found):
        """The same number of bytes, as the reply has told its length."""
        time_ = datetime.datetime.fromisoformat(found[0].decode())
        later = self.since + (time_ - self.since) * self.hurry
        return later.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3].encode() + b"Z"

    def stop(self):
        with self.lock:
            self.stops_left -= 1
            if self.stops_left == 0:
                self.flows.clear()
                self.stopped.set()

    def is_large(self, piece):
        length = re.search(rb"^PUT [^\0]*?\r\ncontent-length: *(\d+)", piece, re.IGNORECASE)
        return length and int(length[1]) > self.refuse_above

    def replies(self, server, client, doomed, lists):
        try:
            size = 0
            while piece := self.piece_of_reply(server, lists):
                self.flows.wait()
                size += len(piece)
                if self.reply_max and size > self.reply_max:
                    with self.lock:
                        self.cuts += 1
                    break
                if doomed.is_set():
                    with self.lock:
                        self.losses += 1
                    break
                if self.chance(self.cut):
                    with self.lock:
                        self.cuts += 1
                    client.sendall(piece[:len(piece) // 2])
                    break
                client.sendall(piece)
        except OSError:
            pass
        self.hang_up(client)

    @staticmethod
    def hang_up(one):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        one.close()
