"""What has to hold of the Kubernetes objects that Kustomize and Helm render, beyond the API's schemas.

    rendered.py FOLDER

FOLDER holds kustomize-NAME.yaml and helm-NAME.yaml. Where a name has both, both say the same. Pods pass the restricted
Pod Security profile, selectors find the pods, the numbers of shards agree.
"""

import re
import sys
from pathlib import Path

import yaml

# As a restricted namespace sees it: https://kubernetes.io/docs/concepts/security/pod-security-standards/
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
HOST = {"hostNetwork", "hostPID", "hostIPC"}

faults = []


def check(place: str, what: str, holds: bool) -> None:
    if not holds:
        faults.append(f"{place}: {what}")


def pod_templates(objects: list):
    for entry in objects:
        if entry["kind"] == "Deployment":
            yield entry["spec"]["template"]
        elif entry["kind"] == "CronJob":
            yield entry["spec"]["jobTemplate"]["spec"]["template"]


def restricted(place: str, pod: dict) -> None:
    check(place, "shares namespaces with the host", not HOST & pod.keys())
    for volume in pod.get("volumes", []):
        check(place, f"volume {volume['name']} is of a forbidden kind", volume.keys() - {"name"} <= VOLUMES)
    for container in pod["containers"] + pod.get("initContainers", []):
        security = pod.get("securityContext", {}) | container.get("securityContext", {})
        check(place, "may run as root", security.get("runAsNonRoot") is True and security.get("runAsUser") != 0)
        check(
            place,
            "has no seccomp profile",
            security.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"},
        )
        check(
            place,
            "may gain privileges",
            security.get("allowPrivilegeEscalation") is False and not security.get("privileged"),
        )
        check(place, "keeps capabilities", security.get("capabilities") == {"drop": ["ALL"]})
        check(place, "uses ports of the host", not any(port.get("hostPort") for port in container.get("ports", [])))
        # Not of the profile, but promised.
        check(place, "can write its root file system", security.get("readOnlyRootFilesystem") is True)


def selectors(place: str, objects: list) -> None:
    (template,) = pod_templates(objects)
    labels = template["metadata"]["labels"]
    ports = {port["name"] for port in template["spec"]["containers"][0].get("ports", [])}
    for entry in objects:
        spec, name = entry.get("spec", {}), f"{place}, {entry['kind']}"
        if entry["kind"] == "Service":
            selector, named = spec["selector"], {port["targetPort"] for port in spec["ports"]}
        elif entry["kind"] == "PodMonitor":
            selector, named = spec["selector"]["matchLabels"], {end["port"] for end in spec["podMetricsEndpoints"]}
            check(
                name,
                "asks for other pages than /metrics",
                {end["path"] for end in spec["podMetricsEndpoints"]} == {"/metrics"},
            )
        elif entry["kind"] == "Deployment":
            selector, named = spec["selector"]["matchLabels"], set()
        elif entry["kind"] == "NetworkPolicy":
            selector = spec["podSelector"]["matchLabels"]
            named = {port["port"] for rule in spec["ingress"] for port in rule["ports"]}
        else:
            continue
        check(name, "finds no pod", bool(selector) and selector.items() <= labels.items())
        check(name, "names a port that there is not", named <= ports)


def deadlines(place: str, objects: list) -> None:
    for entry in objects:
        if entry["kind"] != "CronJob":
            continue
        job = entry["spec"]["jobTemplate"]["spec"]
        env = job["template"]["spec"]["containers"][0].get("env", [])
        told = [variable["value"] for variable in env if variable["name"] == "TAGFERRY_DEADLINE"]
        check(place, "the run does not end itself before the Job", told == [f"{job['activeDeadlineSeconds'] - 300}s"])


def shards(place: str, objects: list) -> None:
    for entry in objects:
        if entry["kind"] != "CronJob":
            continue
        job = entry["spec"]["jobTemplate"]["spec"]
        env = job["template"]["spec"]["containers"][0].get("env", [])
        told = [variable["value"] for variable in env if variable["name"] == "TAGFERRY_SHARDS"]
        wanted = [str(job["completions"])] if job.get("completionMode") == "Indexed" else []
        check(place, "completions and TAGFERRY_SHARDS differ", told == wanted)
        check(place, "completions and parallelism differ", job.get("completions") == job.get("parallelism"))


def essence(objects: list) -> dict:
    """What the objects make the cluster do; without names of packages, and the hash in the ConfigMap's name."""

    def plain(node):
        if isinstance(node, dict):
            without = {"labels", "matchLabels", "selector", "annotations", "namespace"}
            return {key: plain(value) for key, value in node.items() if key not in without and value is not None}
        if isinstance(node, list):
            return [plain(entry) for entry in node]
        return re.sub(r"^tagferry-[a-z0-9]{10}$", "tagferry", node) if isinstance(node, str) else node

    kept = {}
    for entry in objects:
        # Helm makes no namespace: that is for who installs the chart.
        if entry["kind"] != "Namespace":
            annotations = {k: v for k, v in entry["metadata"].get("annotations", {}).items() if k.startswith("eks.")}
            kept[entry["kind"]] = (plain(entry), annotations)
    for template in pod_templates([kept[kind][0] for kind in kept]):
        template.pop("metadata", None)
    for kind in ["CronJob", "Deployment"]:
        if kind in kept:
            kept[kind][0].get("spec", {}).get("jobTemplate", {}).pop("metadata", None)
    return kept


def main(folder: Path) -> None:
    found = {
        path.stem: [entry for entry in yaml.safe_load_all(path.read_text()) if entry]
        for path in sorted(folder.glob("*.yaml"))
    }
    for place, objects in found.items():
        for template in pod_templates(objects):
            restricted(place, template["spec"])
        selectors(place, objects)
        shards(place, objects)
        deadlines(place, objects)
    pairs = [name for name in found if name.startswith("helm-") and name.replace("helm-", "kustomize-") in found]
    check(str(folder), "nothing to compare", len(pairs) > 3)
    for name in pairs:
        ours, theirs = essence(found[name.replace("helm-", "kustomize-")]), essence(found[name])
        check(name, f"has other kinds than Kustomize: {ours.keys() ^ theirs.keys()}", ours.keys() == theirs.keys())
        for kind in ours.keys() & theirs.keys():
            check(
                name,
                f"{kind} differs from that of Kustomize:\n  {ours[kind]}\n  {theirs[kind]}",
                ours[kind] == theirs[kind],
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))
