"""What two clusters hold, made comparable: everything that a release's client wrote, without what is each cluster's own.

A snapshot is a map from `Kind.group/namespace/name` to the object, or to the content of a release record. Taken out are
times, identities, addresses that a server picked, and status; objects of controllers do not count, since they come when
they come. What a chart draws at random is found by rendering it twice, and tolerated where it stood.
"""

import base64
import gzip
import http.client
import json
import re
import ssl
import urllib.parse

MANAGER = "helm"  # what the names begin with under which both clients write, in any case of letters
OWN_METADATA = ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "deletionTimestamp",
                "deletionGracePeriodSeconds", "selfLink"]
UID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
DRAWN = re.compile(r"[A-Za-z0-9]{8,}")
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PAGE = 1000  # objects of one listing; more are not expected of one chart


class Cluster:
    """A cluster as its administrator sees it."""

    def __init__(self, kubeconfig):
        with open(kubeconfig, encoding="utf-8") as file:
            config = json.load(file)
        server = config["clusters"][0]["cluster"]["server"]
        self.kubeconfig = kubeconfig
        self.host = urllib.parse.urlsplit(server).netloc
        self.token = config["users"][0]["user"]["token"]
        self.context = ssl.create_default_context(cafile=config["clusters"][0]["cluster"]["certificate-authority"])
        self.connection = None
        self.known = {}

    def ask(self, method, path, body=None, kind="application/json", accept="application/json"):
        """Status code and answer; a connection that was closed in between is opened again."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept, "Content-Type": kind}
        for last in (False, True):
            if not self.connection:
                self.connection = http.client.HTTPSConnection(self.host, context=self.context, timeout=30)
            try:
                self.connection.request(method, path, body, headers)
                answer = self.connection.getresponse()
                text = answer.read()
                break
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.connection = None
                if last:
                    raise
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, {"message": text.decode("utf-8", "replace")}

    def resources(self):
        """What is served: path, kind, group, whether it has namespaces; each kind once, in its preferred version."""
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        found = []
        for root in ("/api", "/apis"):
            for group in self.ask("GET", root, accept=accept)[1].get("items", []):
                name, seen = group["metadata"].get("name", ""), set()
                for version in group["versions"]:
                    for one in version.get("resources", []):
                        kind = one.get("responseKind", {}).get("kind")
                        if kind and kind not in seen and {"list", "delete"} <= set(one["verbs"]):
                            seen.add(kind)
                            path = f"/apis/{name}/{version['version']}" if name else f"/api/{version['version']}"
                            found.append((path, one["resource"], kind, name, one["scope"] == "Namespaced"))
        return [one for one in found if one[2] not in ("Event", "Lease", "ComponentStatus")]

    def served(self):
        """Every `group/version/Kind`."""
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        found = set()
        for root in ("/api", "/apis"):
            for group in self.ask("GET", root, accept=accept)[1].get("items", []):
                for version in group["versions"]:
                    for one in version.get("resources", []):
                        kind = one.get("responseKind", {}).get("kind")
                        found.add("/".join(filter(None, [group["metadata"].get("name"), version["version"], kind])))
        return found

    def objects(self):
        """All objects, as (path of the object, kind, group, metadata)."""
        for path, plural, kind, group, namespaced in self.resources():
            status, answer = self.ask("GET", f"{path}/{plural}?limit={PAGE}", accept=METADATA)
            if status != 200:
                continue
            for item in answer.get("items") or []:
                metadata = item["metadata"]
                namespace = f"/namespaces/{metadata['namespace']}" if namespaced else ""
                name = urllib.parse.quote(metadata["name"], safe="")
                yield f"{path}{namespace}/{plural}/{name}", kind, group, metadata

    def content(self, path, kind, metadata):
        """An object made comparable, asked for once as long as it does not change; `None` when it just went."""
        version = (metadata["uid"], metadata["resourceVersion"])
        if version not in self.known:
            status, body = self.ask("GET", path)
            if status != 200:
                return None
            self.known[version] = comparable(kind, body)
        return self.known[version]


def written_by_client(metadata):
    managers = (entry.get("manager", "").lower() for entry in metadata.get("managedFields", []))
    return any(manager.startswith(MANAGER) for manager in managers)


def comparable(kind, body):
    """An object without what is its cluster's own."""
    if kind == "Secret" and body.get("type") == "helm.sh/release.v1":
        return record(body)
    body = {key: value for key, value in body.items() if key != "status"}
    metadata = dict(body["metadata"])
    for field in OWN_METADATA:
        metadata.pop(field, None)
    # Others come and go with controllers; what a client asks for stays.
    metadata["finalizers"] = [one for one in metadata.get("finalizers", []) if not one.startswith("kubernetes.io/")
                              and one != "foregroundDeletion"]
    body["metadata"] = metadata
    spec = body.get("spec")
    if kind == "Service" and isinstance(spec, dict):
        spec = {key: value for key, value in spec.items()
                if key not in ("clusterIPs", "healthCheckNodePort") and (key != "clusterIP" or value == "None")}
        spec["ports"] = [{key: value for key, value in port.items() if key != "nodePort"}
                         for port in spec.get("ports", [])]
        body["spec"] = spec
    elif kind == "PersistentVolumeClaim" and isinstance(spec, dict):
        body["spec"] = {key: value for key, value in spec.items() if key != "volumeName"}
    elif kind == "Secret" and body.get("type") == "kubernetes.io/service-account-token":
        body.pop("data", None)
    return json.loads(UID.sub("[UID]", json.dumps(body)))


def record(body):
    """What a release record says, times and the wording of errors taken out."""
    packed = base64.b64decode(base64.b64decode(body["data"]["release"]))
    release = json.loads(gzip.decompress(packed))
    # Which Helm 2 had, and which here chooses the language of templates.
    release["chart"]["metadata"].pop("engine", None)
    # Each program has its own words for what went wrong.
    release["info"]["description"] = re.sub(r"(?s)( failed: ).*", r"\1…", release["info"].get("description", ""))
    labels = {key: value for key, value in body["metadata"].get("labels", {}).items() if key not in ("createdAt", "modifiedAt")}
    return json.loads(TIME.sub("[TIME]", json.dumps({"labels": labels, "type": body["type"], "release": release})))


def snapshot(cluster, baseline):
    """What clients wrote that the cluster did not hold before."""
    found = {}
    for path, kind, group, metadata in cluster.objects():
        if metadata["uid"] in baseline or not written_by_client(metadata):
            continue
        content = cluster.content(path, kind, metadata)
        if content is not None:
            found[f"{kind}.{group}/{metadata.get('namespace', '')}/{metadata['name']}"] = content
    return found


# --- what is random


class Random:
    """What differs between two renderings of a chart: keys by object, and names."""

    def __init__(self):
        self.keys, self.names = {}, []

    def learn(self, one, other):
        """From two renderings with the same values."""
        for a, b in zip(documents(one), documents(other)):
            if a == b:
                continue
            (kind, name), (_, twin) = identity(a), identity(b)
            if name != twin:
                self.names.append(pattern(name, twin))
            keys = self.keys.setdefault((kind, self.plain(name)), set())
            lines = a.split("\n")
            twins = b.split("\n")
            for number, line in enumerate(lines):
                if number >= len(twins) or line != twins[number]:
                    keys.update(chain(lines, number))

    def plain(self, name):
        """A name without its random part."""
        for one in self.names:
            name = one.sub(r"\1*\2", name)
        return name

    def tolerates(self, identifier, path):
        kind, name = identifier.split(".")[0], identifier.rsplit("/", 1)[1]
        keys = self.keys.get((kind, self.plain(name)), set())
        return any(key in keys for key in path)

    def tolerates_line(self, line, twin):
        """In a record's manifest, where no object is at hand."""
        if not self.keys:
            return False
        key, other = key_of(line), key_of(twin)
        every = set().union(*self.keys.values())
        return key == other and (key is None or key in every) or self.plain(line) == self.plain(twin)


def documents(text):
    return [part for part in re.split(r"(?m)^---.*$", text) if part.strip()]


def identity(document):
    kind = re.search(r"(?m)^kind:\s*[\"']?(\w+)", document)
    name = re.search(r"(?m)^metadata:[^\n]*\n(?:(?:[ #][^\n]*)?\n)*?  ?(?:  )?name:\s*[\"']?([^\s\"']+)", document)
    return kind.group(1) if kind else "", name.group(1) if name else ""


def pattern(one, other):
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    tail = one[len(one) - end:] if end else ""
    return re.compile(f"({re.escape(one[:start])})[A-Za-z0-9]+({re.escape(tail)})")


def key_of(line):
    found = re.match(r"\s*(?:- )*[\"']?([^\s\"':#][^\"':]*)[\"']?:(\s|$)", line)
    return found.group(1) if found else None


def chain(lines, number):
    """The key of a line, or of the block that it stands in."""
    own = key_of(lines[number])
    if own:
        yield own
    indent = len(lines[number]) - len(lines[number].lstrip())
    for line in reversed(lines[:number]):
        depth = len(line) - len(line.lstrip())
        if not line.strip() or depth >= indent:
            continue
        indent = depth
        if re.search(r"[|>][-+]?\s*$", line) or (own is None and key_of(line)):
            if key_of(line):
                yield key_of(line)
            return


# --- comparing


def differences(one, other, random):
    """What differs between two snapshots, as lines; empty when they are the same."""
    one, other = ({random.plain(name): (name, body) for name, body in side.items()} for side in (one, other))
    for name in sorted(one.keys() | other.keys()):
        if name not in other:
            yield f"{name}: only Helm leaves it"
        elif name not in one:
            yield f"{name}: only bowline leaves it"
        else:
            (identifier, a), (_, b) = one[name], other[name]
            yield from walk(a, b, identifier, [], random)


def walk(a, b, identifier, path, random):
    if a == b or (path and random.tolerates(identifier, path)):
        return
    if isinstance(a, str) and isinstance(b, str) and random.plain(a) == random.plain(b):
        return
    at = f"{identifier}: {'.'.join(path)}"
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            if key not in a:
                yield f"{at}.{key}: Helm has none, bowline {short(b[key])}"
            elif key not in b:
                yield f"{at}.{key}: Helm {short(a[key])}, bowline has none"
            else:
                yield from walk(a[key], b[key], identifier, [*path, key], random)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for number, (x, y) in enumerate(zip(a, b)):
            yield from walk(x, y, identifier, [*path, str(number)], random)
    elif path and path[-1] == "notes" and random.keys and DRAWN.sub("*", str(a)) == DRAWN.sub("*", str(b)):
        return  # what is drawn for an object may be told there as well
    elif path and path[-1] in ("manifest", "notes") and isinstance(a, str) and isinstance(b, str):
        x, y = a.split("\n"), b.split("\n")
        unlike = [(m, n) for m, n in zip(x, y) if m != n and not random.tolerates_line(m, n)]
        if len(x) != len(y):
            yield f"{at}: Helm has {len(x)} lines, bowline {len(y)}"
        elif unlike:
            yield f"{at}: {short(unlike[0][0])}, bowline {short(unlike[0][1])}"
    else:
        yield f"{at}: Helm {short(a)}, bowline {short(b)}"


def short(value):
    text = json.dumps(value)
    return text if len(text) < 160 else text[:150] + "…"
