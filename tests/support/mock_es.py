#!/usr/bin/env python3
"""A test double for Elasticsearch and OpenSearch.

No real one can be had as a Debian package, so this one is built from the
written protocol: the Bulk, Index template and Info APIs of the Elasticsearch
reference (8.x), the rules for data streams, and the error bodies that servers
of both kinds are known to send. It stands for the protocol and for nothing
else: what it does not know (shards, rollover, real mappings of every type) it
does not test.

usage: mock_es.py [--address IP] [--port N] [--state FILE] [--opensearch]
                  [--api-key KEY]
                  [--basic USER:PASSWORD] [--cert FILE --key FILE]

Prints "port N" and serves on IP (127.0.0.1) until its standard input ends. With
--state what was stored is kept over a restart, so that a server can be taken
away and brought back.

Control, out of band:
  POST /_mock/faults  a JSON list; each _bulk request takes the first away:
    "429" "429:SECONDS" (Retry-After) "503" "401" "403" "400" "413" "404"
    "item429" "item503" "item400" (the first item) "item409"
    "itemescape" (400, with a reason that a terminal would obey)
    "hang" (no answer) "reset" "truncate" "slow" "html" "garbage" "short"
    "413>N" (stays: refuses every request of more than N documents)
    "ok" (nothing)
  GET /_mock/docs     {"docs":{INDEX/ID: times accepted}, "requests":N,
                       "dupes":N, "template":..., "auth_failures":N,
                       "client_ports":[N...]}
"""
import argparse
import base64
import http.server
import ipaddress
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time


class State:
    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.docs, self.bodies = {}, {}
        self.faults, self.standing = [], None
        self.requests = self.dupes = self.auth_failures = 0
        self.template = None
        self.client_ports = set()
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                self.docs, self.template = json.load(f)

    def save(self):
        if self.path:
            with open(self.path + ".new", "w", encoding="utf-8") as f:
                json.dump([self.docs, self.template], f)
            os.replace(self.path + ".new", self.path)


def error(kind, reason, status):
    cause = {"type": kind, "reason": reason}
    return {"error": {"root_cause": [cause], **cause}, "status": status}


def check_value(kind, value):
    """Whether a document's value can be indexed as this type."""
    if isinstance(value, list):
        return all(check_value(kind, v) for v in value)
    if kind == "ip":
        try:
            ipaddress.ip_address(value)
            return True
        except ValueError:
            return False
    if kind == "long":
        return isinstance(value, int) and not isinstance(value, bool) \
            and -2**63 <= value < 2**63
    if kind in ("float", "double"):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "date":
        try:
            time.strptime(value[:19], "%Y-%m-%dT%H:%M:%S")
            return True
        except (TypeError, ValueError):
            return False
    if kind in ("flattened", "flat_object", "object"):
        return isinstance(value, dict)
    return not isinstance(value, dict)


def check_doc(properties, doc, path=""):
    """The first field that the mapping refuses, or None."""
    for name, value in doc.items():
        rule = properties.get(name)
        if rule is None:
            continue
        where = path + name
        if rule.get("enabled", True) is False:
            continue
        if "properties" in rule:
            if not isinstance(value, dict):
                return where, "object"
            bad = check_doc(rule["properties"], value, where + ".")
            if bad:
                return bad
        elif not check_value(rule["type"], value):
            return where, rule["type"]
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = None
    args = None

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=(), raw=None):
        data = raw if raw is not None else json.dumps(body).encode()
        self.send_response(status)
        if not self.args.opensearch:
            self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def read_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def allowed(self):
        got = self.headers.get("Authorization", "")
        if self.args.api_key:
            want = "ApiKey " + self.args.api_key
        elif self.args.basic:
            want = "Basic " + base64.b64encode(
                self.args.basic.encode()).decode()
        else:
            return True
        if got == want:
            return True
        with self.state.lock:
            self.state.auth_failures += 1
        self.answer(401, error("security_exception",
                               "unable to authenticate", 401))
        return False

    def do_GET(self):
        if self.path == "/_mock/docs":
            s = self.state
            with s.lock:
                self.answer(200, {
                    "docs": s.docs, "requests": s.requests,
                    "dupes": s.dupes, "template": s.template,
                    "auth_failures": s.auth_failures,
                    "client_ports": sorted(s.client_ports)})
            return
        if not self.allowed():
            return
        if self.path == "/":
            version = {"number": "2.19.1", "distribution": "opensearch"} \
                if self.args.opensearch else {"number": "8.17.0"}
            self.answer(200, {"name": "mock", "version": version})
            return
        self.answer(404, error("not_found", self.path, 404))

    def do_PUT(self):
        body = self.read_body()
        if not self.allowed():
            return
        if not self.path.startswith("/_index_template/"):
            self.answer(404, error("not_found", self.path, 404))
            return
        try:
            template = json.loads(body)
            allowed = {"index_patterns", "priority", "data_stream",
                       "template", "composed_of", "_meta", "version"}
            if not self.args.opensearch:
                allowed.add("ignore_missing_component_templates")
            extra = set(template) - allowed
            if extra:
                raise ValueError("unknown field " + ", ".join(extra))
        except ValueError as e:
            self.answer(400, error("parse_exception", str(e), 400))
            return
        with self.state.lock:
            self.state.template = template
            self.state.save()
        self.answer(200, {"acknowledged": True})

    def do_POST(self):
        body = self.read_body()
        if self.path == "/_mock/faults":
            with self.state.lock:
                self.state.faults = json.loads(body)
                self.state.standing = None
            self.answer(200, {})
            return
        if not self.allowed():
            return
        if self.path.split("?")[0] != "/_bulk":
            self.answer(404, error("not_found", self.path, 404))
            return
        self.bulk(body)

    def next_fault(self):
        s = self.state
        with s.lock:
            s.requests += 1
            s.client_ports.add(self.client_address[1])
            if s.standing:
                return s.standing
            fault = s.faults.pop(0) if s.faults else "ok"
            if fault.startswith("413>"):
                s.standing = fault
            return fault

    def bulk(self, body):
        fault = self.next_fault()
        kind = self.headers.get("Content-Type", "")
        if not (kind.startswith("application/x-ndjson")
                or kind.startswith("application/json")):
            self.answer(406, error("media_type_header_exception", kind, 406))
            return
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.answer(411, error("illegal_argument_exception",
                                   "length required", 411))
            return
        if not body.endswith(b"\n"):
            self.answer(400, error(
                "illegal_argument_exception", "The bulk request must be "
                "terminated by a newline [\\n]", 400))
            return
        lines = body.decode().split("\n")[:-1]
        if self.whole(fault, len(lines) // 2):
            return
        items = []
        for i in range(0, len(lines), 2):
            items.append({"create": self.create(
                lines[i], lines[i + 1],
                fault if i == 0 and fault.startswith("item") else "ok")})
        bad = any(i["create"]["status"] >= 300 for i in items)
        if fault == "short":
            items = items[:-1]
        data = json.dumps({"took": 1, "errors": bad, "items": items}).encode()
        if fault == "truncate":
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:len(data) // 2])
            self.close_connection = True
        elif fault == "slow":
            time.sleep(1)
            self.answer(200, None, raw=data)
        elif fault == "garbage":
            self.answer(200, None, raw=b'{"items": [{"create": 7}, nul')
        elif fault == "html":
            self.answer(200, None, raw=b"<html>please log in</html>")
        else:
            self.answer(200, None, raw=data)

    def whole(self, fault, n):
        """Refusals of the request as a whole. True: answered."""
        if fault.startswith("413>") and n <= int(fault[4:]):
            return False
        if fault.startswith("413"):
            self.answer(413, None, raw=b"Request Entity Too Large")
        elif fault.startswith("429"):
            after = fault[4:]
            self.answer(429, error(
                "es_rejected_execution_exception",
                "rejected execution of coordinating operation", 429),
                [("Retry-After", after)] if after else [])
        elif fault == "503":
            self.answer(503, None, raw=b"no healthy upstream")
        elif fault == "400":
            self.answer(400, error("illegal_argument_exception",
                                   "malformed", 400))
        elif fault == "404":
            self.answer(404, None, raw=b"404 page not found")
        elif fault in ("401", "403"):
            self.answer(int(fault), error("security_exception",
                                          "not allowed", int(fault)))
        elif fault == "hang":
            time.sleep(30)
            self.close_connection = True
        elif fault == "reset":
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER,
                struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        else:
            return False
        return True

    def create(self, action_line, doc_line, fault):
        action = json.loads(action_line)
        (op, meta), = action.items()
        index, doc_id = meta["_index"], meta.get("_id", "")
        result = {"_index": index, "_id": doc_id}

        def refuse(status, kind, reason):
            return {**result, "status": status,
                    "error": {"type": kind, "reason": reason}}

        if op != "create":
            return refuse(400, "illegal_argument_exception", "only write ops "
                          "with an op_type of create are allowed in data "
                          "streams")
        if not index.startswith("logs-") or index.count("-") < 2 \
                or index != index.lower():
            return refuse(404, "index_not_found_exception", index)
        if len(doc_id.encode()) > 512:
            return refuse(400, "illegal_argument_exception", "id is too long")
        if fault == "item429":
            return refuse(429, "es_rejected_execution_exception", "queue full")
        if fault == "item503":
            return refuse(503, "unavailable_shards_exception", "no shard")
        if fault == "item400":
            return refuse(400, "document_parsing_exception", "[1:20] failed "
                          "to parse field [source.ip] of type [ip]")
        if fault == "itemescape":
            return refuse(400, "x\u009b1m", "\u001b[2J\u001b]0;owned\u0007")
        try:
            doc = json.loads(doc_line)
        except ValueError as e:
            return refuse(400, "document_parsing_exception", str(e))
        if "@timestamp" not in doc:
            return refuse(400, "document_parsing_exception", "data stream "
                          "timestamp field [@timestamp] is missing")
        s = self.state
        if s.template:
            bad = check_doc(
                s.template["template"]["mappings"]["properties"], doc)
            if bad:
                return refuse(400, "document_parsing_exception", "failed to "
                              "parse field [%s] of type [%s]" % bad)
        with s.lock:
            key = index + "/" + doc_id
            if doc_id and (key in s.docs or fault == "item409"):
                s.dupes += 1
                return refuse(409, "version_conflict_engine_exception",
                              "document already exists")
            s.docs[key] = s.docs.get(key, 0) + 1
            s.save()
        return {**result, "_version": 1, "result": "created", "status": 201}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state")
    parser.add_argument("--opensearch", action="store_true")
    parser.add_argument("--api-key")
    parser.add_argument("--basic")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    Handler.args = parser.parse_args()
    Handler.state = State(Handler.args.state)
    server = Server((Handler.args.address, Handler.args.port), Handler)
    if Handler.args.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Handler.args.cert, Handler.args.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("port", server.server_address[1], flush=True)
    sys.stdin.read()


main()
