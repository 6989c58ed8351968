"""Writes the Kubernetes manifests from a short table: `python deploy/kubernetes/generate.py`; a test holds that nobody edits them.

`base/` has the processes, `strimzi/` the topics, users and rights for a Kafka that Strimzi runs. What a shop changes stands in an
overlay (`overlays/`), which is written by hand.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from vigia.runtime.rights.acls import acls
from vigia.runtime.rights.table import COMMANDS, PROCESSES
from vigia.runtime.topics import TOPICS

OUT = Path(__file__).parent
HEAD = "# Written by deploy/kubernetes/generate.py from the tables of topics, rights and ports. Change those, or an overlay.\n"
IMAGE = "vigia"
STATE, SECRETS, FILES = "/var/lib/vigia/state", "/var/lib/vigia/secrets", "/etc/vigia"
DRAIN = 15  # seconds: VIGIA_DRAIN
PARTITIONS, REPLICAS = 8, 3
USER = 10001  # of the image
PRINCIPALS = PROCESSES | {"topics": COMMANDS["topics apply"]}

Manifest = dict[str, Any]


class Process(NamedTuple):
    """A process: its options, its port of metrics and probes, what it serves, and how many there are."""

    name: str
    args: tuple[str, ...]
    metrics: int
    port: int = 0  # 0: it serves nothing else
    keeps: str = ""  # the size of the volume of its state, which has to survive; empty: it keeps nothing
    copies: int = 1
    memory: str = "512Mi"
    first: tuple[str, ...] = ()  # the options of a command that has to end well before it starts


POLICY, ROUTES = ("--policy", f"{FILES}/policy.toml"), ("--routes", f"{FILES}/routes.toml")
TABLE = (
    Process("worker", POLICY, 9101, keeps="20Gi", copies=2, memory="2Gi"),
    Process("notifier", (*ROUTES, *POLICY), 9102, copies=2),  # the second one stands by
    Process("trainer", (), 9103),
    Process("clock", POLICY, 9104),
    Process("gateway", ("--config", f"{SECRETS}/gateway.toml"), 9105, port=8080, copies=2),
    Process(
        "console",
        ("--config", f"{FILES}/console.toml", *POLICY),
        9106,
        port=8090,
        keeps="10Gi",
        # a console that others can reach does not start without a user
        first=("console", "user", "add", "owner", "--role", "owner", "--password-file", f"{SECRETS}/owner"),
    ),
)


def labels(name: str) -> dict[str, str]:
    """The labels of a process, as Kubernetes recommends them."""
    return {"app.kubernetes.io/name": "vigia", "app.kubernetes.io/component": name}


def manifest(api: str, kind: str, name: str, component: str = "", **rest: Any) -> Manifest:
    """A manifest with its name and labels."""
    marked = labels(component) if component else {"app.kubernetes.io/name": "vigia"}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": marked}, **rest}


def container(name: str, args: tuple[str, ...]) -> Manifest:
    """A container that may do nothing but run: no root, no right of the kernel, nothing to write but its state."""
    return {
        "name": name,
        "image": IMAGE,
        "args": list(args),
        "envFrom": [{"configMapRef": {"name": "vigia"}}],
        "env": [{"name": "VIGIA_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "files", "mountPath": FILES, "readOnly": True},
            {"name": "secrets", "mountPath": SECRETS, "readOnly": True},
            {"name": "state", "mountPath": STATE},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # a volume of the pod's own
        ],
    }


def pod(one: Process) -> Manifest:
    """The pod of a process. A start recovers rows, so it may take long; a stop gets twice the time of a drain."""
    port = {"name": "metrics", "containerPort": one.metrics}
    probe = {"httpGet": {"path": "/healthz", "port": "metrics"}, "periodSeconds": 10, "timeoutSeconds": 5}
    limits = {"memory": one.memory}
    return {
        "serviceAccountName": "vigia",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 2 * DRAIN,
        "securityContext": _unprivileged(),
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels(one.name)},
            }
        ],
        "containers": [
            container(one.name, (one.name, *one.args, "--metrics-port", str(one.metrics)))
            | {
                "ports": [port, *([{"name": "http", "containerPort": one.port}] if one.port else [])],
                "startupProbe": probe | {"failureThreshold": 180},
                "livenessProbe": probe | {"failureThreshold": 6},
                "readinessProbe": {
                    "httpGet": {"path": "/readyz", "port": "metrics"},
                    "periodSeconds": 5,
                    "timeoutSeconds": 5,
                },
                "resources": {"requests": {"cpu": "250m", "memory": one.memory}, "limits": limits},
            }
        ],
        "volumes": volumes(with_state=not one.keeps),
    } | ({"initContainers": [container("first", one.first)]} if one.first else {})


def volumes(with_state: bool = True) -> list[Manifest]:
    """The files of the shop, the secrets, and what may be written to."""
    return [
        {"name": "files", "configMap": {"name": "vigia-files"}},
        {"name": "secrets", "secret": {"secretName": "vigia-secrets", "defaultMode": 0o440}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
        *([{"name": "state", "emptyDir": {"sizeLimit": "256Mi"}}] if with_state else []),
    ]


def workload(one: Process) -> Manifest:
    """A set with a volume for each process that keeps something, with names that stay; else a deployment."""
    selector = {"matchLabels": labels(one.name)}
    template = {"metadata": {"labels": labels(one.name)}, "spec": pod(one)}
    if not one.keeps:
        return manifest(
            "apps/v1",
            "Deployment",
            one.name,
            one.name,
            spec={"replicas": one.copies, "selector": selector, "template": template},
        )
    return manifest(
        "apps/v1",
        "StatefulSet",
        one.name,
        one.name,
        spec={
            "replicas": one.copies,
            "serviceName": one.name,
            "podManagementPolicy": "Parallel",
            "selector": selector,
            "template": template,
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "state"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": one.keeps}},
                    },
                }
            ],
        },
    )


def base() -> Iterator[tuple[str, list[Manifest]]]:
    """The files of `base/` and what stands in each."""
    for one in TABLE:
        ports = [{"name": "metrics", "port": one.metrics}]
        ports += [{"name": "http", "port": one.port}] if one.port else []
        service: Manifest = {"selector": labels(one.name), "ports": ports}
        if not one.port:
            service["clusterIP"] = "None"
        found = [workload(one), manifest("v1", "Service", one.name, one.name, spec=service)]
        if one.copies > 1:
            budget = {"maxUnavailable": 1, "selector": {"matchLabels": labels(one.name)}}
            found.append(manifest("policy/v1", "PodDisruptionBudget", one.name, one.name, spec=budget))
        yield one.name, found
    yield "topics", [topics_job()]
    yield "network", list(network())
    settings = {
        "VIGIA_KAFKA": "kafka:9092",
        "VIGIA_PARTITIONS": str(PARTITIONS),
        "VIGIA_DRAIN": str(DRAIN),
        "VIGIA_HOST": "0.0.0.0",  # noqa: S104  # a pod's own address; the network policies say who reaches it
        "VIGIA_SEAL_FILE": f"{SECRETS}/seal",
        "VIGIA_PRIVACY_KEY_FILE": f"{SECRETS}/privacy.key",
        "VIGIA_LINK_SECRET_FILE": f"{SECRETS}/link",
    }
    yield (
        "settings",
        [
            manifest("v1", "ServiceAccount", "vigia", automountServiceAccountToken=False),
            manifest("v1", "ConfigMap", "vigia", data=settings),
        ],
    )


def topics_job() -> Manifest:
    """Creates the topics that are missing and checks all, before the processes can start."""
    spec = {
        "restartPolicy": "OnFailure",
        "serviceAccountName": "vigia",
        "automountServiceAccountToken": False,
        "securityContext": _unprivileged(),
        "containers": [
            container("topics", ("topics", "apply")) | {"resources": {"limits": {"memory": "256Mi"}}},
        ],
        "volumes": volumes(),
    }
    template = {"metadata": {"labels": labels("topics")}, "spec": spec}
    return manifest("batch/v1", "Job", "topics", "topics", spec={"backoffLimit": 20, "template": template})


def network() -> Iterator[Manifest]:
    """Nobody reaches a pod but for its metrics, and the gateway and the console for what they serve."""
    everyone = {"matchLabels": {"app.kubernetes.io/name": "vigia"}}
    deny = {"podSelector": everyone, "policyTypes": ["Ingress"]}
    yield manifest("networking.k8s.io/v1", "NetworkPolicy", "nobody", spec=deny)
    scraped = {
        "podSelector": everyone,
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                # the console draws the metrics, and Prometheus may live in another namespace
                "from": [
                    {"podSelector": {"matchLabels": labels("console")}},
                    {"namespaceSelector": {"matchLabels": {"vigia.example/scrapes": "yes"}}},
                ],
                "ports": [{"port": one.metrics} for one in TABLE],
            }
        ],
    }
    yield manifest("networking.k8s.io/v1", "NetworkPolicy", "metrics", spec=scraped)
    for one in TABLE:
        if one.port:
            spec = {
                "podSelector": {"matchLabels": labels(one.name)},
                "policyTypes": ["Ingress"],
                "ingress": [
                    {
                        "from": [{"namespaceSelector": {"matchLabels": {"vigia.example/enters": "yes"}}}],
                        "ports": [{"port": one.port}],
                    }
                ],
            }
            yield manifest("networking.k8s.io/v1", "NetworkPolicy", one.name, one.name, spec=spec)


def strimzi() -> Iterator[tuple[str, list[Manifest]]]:
    """The topics, and a user with exactly its rights for each process and for whoever creates topics."""
    cluster = {"strimzi.io/cluster": "kafka"}
    topics, users = [], []
    for topic in TOPICS:
        spec = {"partitions": topic.partitions or PARTITIONS, "replicas": REPLICAS}
        found = manifest("kafka.strimzi.io/v1beta2", "KafkaTopic", topic.name, spec=spec)
        found["metadata"]["labels"] |= cluster
        found["spec"]["config"] = topic.settings() | {"min.insync.replicas": "2"}
        topics.append(found)
    for who, rights in PRINCIPALS.items():
        together: dict[tuple[str, str], list[str]] = {}
        for acl in acls(rights):
            together.setdefault((acl.resource, acl.name), []).append(acl.operation)
        granted = [
            {"resource": _resource(resource, name), "operations": operations}
            for (resource, name), operations in together.items()
        ]
        user = {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": granted},
        }
        found = manifest("kafka.strimzi.io/v1beta2", "KafkaUser", f"vigia-{who}", spec=user)
        found["metadata"]["labels"] |= cluster
        users.append(found)
    yield "topics", topics
    yield "users", users


def _resource(resource: str, name: str) -> dict[str, str]:
    return {"type": resource} | ({} if resource == "cluster" else {"name": name, "patternType": "literal"})


def _unprivileged() -> Manifest:
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


class _Plain(yaml.SafeDumper):
    """Writes what is named twice twice: an alias helps no reader."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


def files() -> Iterator[tuple[Path, str]]:
    """Each file and its text."""
    for folder, parts in (("base", base()), ("strimzi", strimzi())):
        names = []
        for name, manifests in parts:
            names.append(f"{name}.yaml")
            yield (
                OUT / folder / names[-1],
                HEAD + yaml.dump_all(manifests, Dumper=_Plain, sort_keys=False, width=120),
            )
        listed = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": sorted(names),
        }
        yield OUT / folder / "kustomization.yaml", HEAD + yaml.dump(listed, Dumper=_Plain, sort_keys=False)


if __name__ == "__main__":
    for path, text in files():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
